"""Steps from one schema version of the host's database to the next, each applied whole or not at all.

A step is the SQL as it was when its version was made; it is not built from the tables of today. PostgreSQL came with
version 2, so steps before that are SQLite's alone.

    1    first version
    2    accounts have a kind instead of a limit; transfers have a deadline and name what they correct; holds are rows
         of their own; every merchant has a deposit and every currency its fee accounts; the host's own keys are rows;
         chips and their issuers' keys
    3    terminals remember which CA keys and application parameters they took
    4    transactions have a clearing date, what they add to it, fees and limits; merchants a plan and an owner; cards
         may be blocked; limits, uses of cards, clearing dates and payouts are rows. What open batches have earned
         counts on the date of the transaction; what closed ones have earned is a clearing of its own, without a date
    5    merchants have closed channels
    6    documents of the merchants' back office
    7    cards may be those of an issuer over the network; requests to it, and what it must still have, are rows
    8    advances on clearing dates that are not closed
    9    terminals are bound to a device and a place
"""

from __future__ import annotations

from typing import Final

_SQLITE_TO_2: Final = (
    "ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
    """UPDATE accounts SET kind = CASE
        WHEN account_id LIKE 'card/%' THEN 'cardholder-' || coalesce(
            (SELECT cards.kind FROM cards WHERE 'card/' || fingerprint = account_id), 'debit')
        WHEN account_id LIKE 'merchant/%/pending' THEN 'merchant-pending'
        WHEN account_id LIKE 'merchant/%/payable' THEN 'merchant-payable'
        WHEN account_id LIKE 'bank/%' THEN 'bank'
        ELSE 'suspense' END""",
    "ALTER TABLE accounts DROP COLUMN limited",
    """INSERT INTO accounts (account_id, currency, kind, credit_line,
                             debits_posted, credits_posted, debits_pending, credits_pending)
        SELECT 'merchant/' || merchant_id || '/deposit', currency, 'deposit', 0, 0, 0, 0, 0 FROM merchants
        UNION SELECT 'fee/' || party || '/' || currency, currency, 'fee-' || party, 0, 0, 0, 0, 0
        FROM merchants, (SELECT 'issuer' AS party UNION SELECT 'network' UNION SELECT 'acquirer' UNION SELECT 'agent')
    """,
    "ALTER TABLE transfers ADD COLUMN deadline TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE transfers ADD COLUMN corrects TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE holds ("transfer_id" TEXT NOT NULL, "deadline" TEXT NOT NULL, "ended_by" TEXT NOT NULL,
        PRIMARY KEY ("transfer_id")) STRICT, WITHOUT ROWID""",
    """INSERT INTO holds SELECT held.transfer_id, '', coalesce(ending.transfer_id, '')
        FROM transfers AS held LEFT JOIN transfers AS ending ON ending.resolves = held.transfer_id
        WHERE held.kind = 'pending'""",
    """CREATE TABLE issuer_keys ("prefix" TEXT NOT NULL, "scheme" TEXT NOT NULL, "cryptogram" TEXT NOT NULL,
        "integrity" TEXT NOT NULL, "confidentiality" TEXT NOT NULL, PRIMARY KEY ("prefix")) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chips ("chip" TEXT NOT NULL, "counter" INTEGER NOT NULL, "scripts" TEXT NOT NULL,
        PRIMARY KEY ("chip")) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chip_uses ("use" TEXT NOT NULL, "ref" TEXT NOT NULL, "request_cryptogram" TEXT NOT NULL,
        "certificate" TEXT NOT NULL, "scripts" TEXT NOT NULL, PRIMARY KEY ("use")) STRICT, WITHOUT ROWID""",
    """CREATE TABLE keys ("use" TEXT NOT NULL, "block" TEXT NOT NULL, PRIMARY KEY ("use")) STRICT, WITHOUT ROWID""",
    "CREATE INDEX holds_by_deadline ON holds (deadline, transfer_id) WHERE ended_by = ''",
)
_SQLITE_TO_3: Final = (
    "ALTER TABLE terminals ADD COLUMN ca_keys TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE terminals ADD COLUMN applications TEXT NOT NULL DEFAULT ''",
)
_POSTGRES_TO_3: Final = (
    """ALTER TABLE terminals ADD COLUMN ca_keys TEXT COLLATE "C" NOT NULL DEFAULT ''""",
    """ALTER TABLE terminals ADD COLUMN applications TEXT COLLATE "C" NOT NULL DEFAULT ''""",
)


def _to_4(text: str, integer: str, end: str) -> tuple[str, ...]:
    """Both kinds of SQL say it the same way, but for the names of types and the end of a definition."""

    def added(table: str, column: str, kind: str, default: str) -> str:
        return f"ALTER TABLE {table} ADD COLUMN {column} {kind} NOT NULL DEFAULT {default}"

    def made(table: str, key: str, **columns: str) -> str:
        listed = ", ".join(f'"{name}" {kind} NOT NULL' for name, kind in columns.items())
        return f"CREATE TABLE {table} ({listed}, PRIMARY KEY ({key})){end}"

    texts = {"transactions": ("card_class", "channel", "limits"), "merchants": ("owner",), "cards": ("blocked",)}
    return (
        added("merchants", "plan", text, "'standard'"),
        *(added(table, column, text, "''") for table, columns in texts.items() for column in columns),
        *(
            added("transactions", column, integer, "0")
            for column in ("gross_minor", "fee_minor", "fee_now_minor", "limited_minor")
        ),
        "ALTER TABLE transactions RENAME COLUMN settlement_date TO clearing_date",
        """UPDATE transactions SET clearing_date = CASE WHEN EXISTS (SELECT 1 FROM batches
            WHERE batches.terminal_id = transactions.terminal_id AND batches.batch = transactions.batch
            AND batches.open = 1) THEN substr(at, 1, 10) ELSE '' END""",
        """UPDATE transactions SET gross_minor = CASE
            WHEN kind IN ('void', 'refund', 'completion-void') THEN -posted_minor ELSE posted_minor END
            WHERE approved = 1 AND reversed = 0 AND clearing_date <> ''""",
        """INSERT INTO accounts (account_id, currency, kind, credit_line,
                                 debits_posted, credits_posted, debits_pending, credits_pending)
            SELECT DISTINCT 'fee/clearing/' || currency, currency, 'fee-clearing', 0, 0, 0, 0, 0 FROM merchants""",
        made("limit_uses", '"use"', use=text, reserved_minor=integer, confirmed_minor=integer),
        made("card_uses", '"use"', use=text, sales=text, inquiries=text),
        made("clearing_days", '"clearing_date"', clearing_date=text, closed_at=text),
        "INSERT INTO clearing_days SELECT DISTINCT clearing_date, '' FROM transactions WHERE clearing_date <> ''",
        made(
            "clearings",
            '"clearing_date", "merchant_id"',
            **dict.fromkeys(("clearing_date", "merchant_id", "currency", "at", "due"), text),
            **dict.fromkeys(("debit_minor", "debit_count", "credit_minor", "credit_count", "fee_minor"), integer),
            payout=text,
        ),
        """INSERT INTO clearings SELECT '', merchant_id, merchants.currency, '', '',
            credits_posted - debits_posted, 0, 0, 0, 0, ''
            FROM merchants JOIN accounts ON account_id = 'merchant/' || merchant_id || '/payable'
            WHERE credits_posted <> debits_posted""",
        made(
            "payouts",
            '"payout_id"',
            **dict.fromkeys(("payout_id", "merchant_id", "currency"), text),
            amount_minor=integer,
            **dict.fromkeys(("due", "state", "changed_at"), text),
            fee_minor=integer,
            attempt=integer,
            reason=text,
        ),
        "CREATE INDEX transactions_by_clearing_date ON transactions (clearing_date)",
        "CREATE INDEX clearings_unpaid ON clearings (clearing_date, merchant_id) WHERE payout = ''",
    )


_SQLITE_TO_5: Final = ("ALTER TABLE merchants ADD COLUMN closed_channels TEXT NOT NULL DEFAULT ''",)
_POSTGRES_TO_5: Final = ("""ALTER TABLE merchants ADD COLUMN closed_channels TEXT COLLATE "C" NOT NULL DEFAULT ''""",)


def _to_6(text: str, end: str) -> tuple[str, ...]:
    listed = ", ".join(f'"{name}" {text} NOT NULL' for name in ("kind", "key", "subject", "state", "due", "body"))
    return (
        f'CREATE TABLE documents ({listed}, PRIMARY KEY ("kind", "key")){end}',
        "CREATE INDEX documents_by_subject ON documents (kind, subject) WHERE subject <> ''",
        "CREATE INDEX documents_due ON documents (due, kind, key) WHERE due <> ''",
    )


def _to_7(text: str, end: str) -> tuple[str, ...]:
    def made(table: str, key: str, *columns: str) -> str:
        listed = ", ".join(f'"{name}" {text} NOT NULL' for name in columns)
        return f'CREATE TABLE {table} ({listed}, PRIMARY KEY ("{key}")){end}'

    return (
        f"ALTER TABLE cards ADD COLUMN network {text} NOT NULL DEFAULT ''",
        made("routes", "ref", "ref", "issuer", "trace", "state", "deadline", "reversal", "original"),
        made("forwards", "forward_id", "forward_id", "issuer", "ref", "mti", "message", "code"),
        "CREATE INDEX routes_waiting ON routes (ref) WHERE state = 'waiting'",
        "CREATE INDEX forwards_due ON forwards (issuer, forward_id) WHERE code = ''",
    )


def _to_8(text: str, integer: str, end: str) -> tuple[str, ...]:
    columns = {"clearing_date": text, "merchant_id": text, "amount_minor": integer, "count": integer}
    listed = ", ".join(f'"{name}" {kind} NOT NULL' for name, kind in columns.items())
    return (
        f"ALTER TABLE clearings ADD COLUMN advanced_minor {integer} NOT NULL DEFAULT 0",
        f'CREATE TABLE advances ({listed}, PRIMARY KEY ("clearing_date", "merchant_id")){end}',
    )


def _to_9(text: str, integer: str) -> tuple[str, ...]:
    return (
        f"ALTER TABLE terminals ADD COLUMN serial {text} NOT NULL DEFAULT ''",
        f"ALTER TABLE terminals ADD COLUMN location {text} NOT NULL DEFAULT ''",
        f"ALTER TABLE terminals ADD COLUMN radius_m {integer} NOT NULL DEFAULT 0",
    )


SQLITE_STEPS: Final[dict[int, tuple[str, ...]]] = {
    1: _SQLITE_TO_2,
    2: _SQLITE_TO_3,
    3: _to_4("TEXT", "INTEGER", " STRICT, WITHOUT ROWID"),
    4: _SQLITE_TO_5,
    5: _to_6("TEXT", " STRICT, WITHOUT ROWID"),
    6: _to_7("TEXT", " STRICT, WITHOUT ROWID"),
    7: _to_8("TEXT", "INTEGER", " STRICT, WITHOUT ROWID"),
    8: _to_9("TEXT", "INTEGER"),
}
"""Statements that lead on from a version."""

POSTGRES_STEPS: Final[dict[int, tuple[str, ...]]] = {
    2: _POSTGRES_TO_3,
    3: _to_4('TEXT COLLATE "C"', "BIGINT", ""),
    4: _POSTGRES_TO_5,
    5: _to_6('TEXT COLLATE "C"', ""),
    6: _to_7('TEXT COLLATE "C"', ""),
    7: _to_8('TEXT COLLATE "C"', "BIGINT", ""),
    8: _to_9('TEXT COLLATE "C"', "BIGINT"),
}
