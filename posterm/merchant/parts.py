"""Every part of the life cycle: whoever imports this has a calendar that knows what to do with all documents."""

from posterm.merchant import access as access
from posterm.merchant import cases as cases
from posterm.merchant import repeats as repeats
from posterm.merchant import webhooks as webhooks
