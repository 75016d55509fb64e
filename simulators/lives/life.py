"""One merchant's life, by the services of the back office, step by step as somebody would take them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from posterm.merchant import Actor, Role
from posterm.merchant.actor import VISITOR
from posterm.merchant.applicant import register, verify
from posterm.merchant.application import Application, edit_application, start_application
from posterm.merchant.binding import bind_device, real_name
from posterm.merchant.commissioning import initialise_device, look_at_device
from posterm.merchant.contract import Contract
from posterm.merchant.contracting import contract_of, pay_deposit, sign_contract
from posterm.merchant.device import Device, confirm_key, inject_components, take_into_stock
from posterm.merchant.device_label import label_of
from posterm.merchant.eligibility import ELIGIBLE, ApplicantType, PaperKind
from posterm.merchant.merchant import Merchant
from posterm.merchant.papers import Paper, hand_in_paper
from posterm.merchant.review import submit_application
from posterm.merchant.shipment import pack_shipment, send_shipment
from simulators.lives.counter import Counter
from simulators.lives.paperwork import Person, form_of, photograph
from simulators.lives.town import OPERATOR, Town

LOCATION: Final = "31.235500,121.478000"
KEY_COMPONENTS: Final = (bytes(range(16)), bytes(range(100, 116)))


@dataclass(slots=True)
class Life:
    """A person on the way to a counter. What is not there yet is empty."""

    town: Town
    person: Person
    applicant_type: ApplicantType = ApplicantType.MICRO
    account: str = ""
    application: str = ""
    counter: Counter | None = field(default=None, repr=False)

    @property
    def actor(self) -> Actor:
        return Actor(Role.MERCHANT, self.account)

    @property
    def serial(self) -> str:
        return f"N9{self.person.number:08d}"

    @property
    def merchant(self) -> Merchant:
        return self.town.office.cabinet.need(Merchant, self.current_application.merchant)

    @property
    def current_application(self) -> Application:
        return self.town.office.cabinet.need(Application, self.application)

    @property
    def contract(self) -> Contract:
        """The contract that is offered or in force."""
        found = contract_of(self.town.office, self.actor, self.current_application.merchant)
        if found is None:
            raise LookupError("no contract is offered yet")
        return found

    @property
    def device(self) -> Device:
        return self.town.office.cabinet.need(Device, self.serial)

    def open_account(self) -> None:
        """Register, and take the account into use with the code."""
        town = self.town
        opened = register(town.office, VISITOR, self.person.mobile, town.now)
        verify(town.office, VISITOR, self.person.mobile, opened.code.reveal(), self.person.password, town.now)
        self.account = opened.key

    def draft(self, **changes: Any) -> None:
        """Begin an application, fill in its form and hand in every paper it needs."""
        town = self.town
        begun = start_application(town.office, self.actor, self.account, self.applicant_type, town.now)
        self.application = begun.key
        self.fill_in(**changes)
        for paper in ELIGIBLE[self.applicant_type].papers:
            self.hand_in(paper)

    def fill_in(self, **changes: Any) -> None:
        """Write the form."""
        town = self.town
        form = form_of(self.person, self.applicant_type, **changes)
        edit_application(town.office, self.actor, self.application, form, town.now)

    def hand_in(self, paper: PaperKind, *, blurred: bool = False) -> Paper:
        """Hand in a picture. Raises: RefusedError: it is none that can be read."""
        town = self.town
        picture = photograph(f"{town.seed} {self.person.number} {paper}", blurred=blurred)
        return hand_in_paper(town.office, self.actor, self.application, paper, picture, town.now)

    def submit(self) -> Application:
        """Hand the application in."""
        return submit_application(self.town.office, self.actor, self.application, self.town.now)

    def sign(self) -> Contract:
        """Sign the contract that was offered, and pay the deposit."""
        town, offered = self.town, self.contract
        sign_contract(town.office, self.actor, offered.key, offered.digest, town.now)
        if offered.deposit_minor:
            pay_deposit(town.office, self.actor, offered.key, offered.deposit_minor, town.now)
        return self.contract

    def ship(self) -> str:
        """Let a device come. Returns: the code on its back."""
        label = self.send()
        self.town.wait(days=self.town.office.terms.delivery_days)
        return label

    def send(self) -> str:
        """What the acquirer does: a device with a key, on its way. Returns: the code on its back."""
        office, now = self.town.office, self.town.now
        take_into_stock(office, OPERATOR, self.serial, self.merchant.device_model, now)
        keyed = inject_components(office, OPERATOR, self.serial, KEY_COMPONENTS, now)
        confirm_key(office, OPERATOR, self.serial, keyed.kcv, now)
        label = label_of(office, OPERATOR, self.serial)
        parcel = pack_shipment(office, OPERATOR, self.merchant.key, [self.serial], now)
        send_shipment(office, OPERATOR, parcel.key, f"SF{self.person.number:012d}", now)
        return label

    def bind(self, label: str) -> Device:
        """Scan the code on the back, here."""
        return bind_device(self.town.office, self.actor, label, LOCATION, self.town.now, tusn=self.serial)

    def show_face(self) -> Device:
        """The real-name check, and a password for the device."""
        person, town = self.person, self.town
        face = photograph(f"face {person.number}")
        return real_name(
            town.office, self.actor, self.serial, person.identity_number, face, person.device_password, town.now
        )

    def take_into_use(self) -> Device:
        """Initialise the device and sign its terminal on."""
        town = self.town
        placed = initialise_device(town.office, self.actor, self.serial, self.person.device_password, town.now)
        self.counter = Counter(
            town,
            placed.terminal_id,
            placed.merchant_id,
            self.serial,
            KEY_COMPONENTS,
            location=LOCATION,
            name=self.merchant.trading_name,
        )
        self.counter.sign_on()
        return self.look()

    def look(self) -> Device:
        """Let the office notice what the host has seen of the device."""
        return look_at_device(self.town.office, self.actor, self.serial, self.town.now)
