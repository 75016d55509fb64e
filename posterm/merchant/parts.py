"""Every part of the life cycle: whoever imports this has a calendar that knows what to do with all documents."""

from posterm.merchant import access as access
from posterm.merchant import account_change as account_change
from posterm.merchant import annual_fee as annual_fee
from posterm.merchant import applicant as applicant
from posterm.merchant import campaigns as campaigns
from posterm.merchant import capabilities as capabilities
from posterm.merchant import cases as cases
from posterm.merchant import commissioning as commissioning
from posterm.merchant import contracting as contracting
from posterm.merchant import deposit as deposit
from posterm.merchant import disputes as disputes
from posterm.merchant import enquiry as enquiry
from posterm.merchant import inspection as inspection
from posterm.merchant import limit_raise as limit_raise
from posterm.merchant import offers as offers
from posterm.merchant import papers as papers
from posterm.merchant import repeats as repeats
from posterm.merchant import review as review
from posterm.merchant import settlement as settlement
from posterm.merchant import shipment as shipment
from posterm.merchant import software as software
from posterm.merchant import sub_channel as sub_channel
from posterm.merchant import survey as survey
from posterm.merchant import visit as visit
from posterm.merchant import webhooks as webhooks
