"""Papers: pictures handed in for an application, sealed outside the database, found by what they show.

A picture counts as used when it is the same file, or, for photos of the place, when it looks the same: at most 3 of the
64 bits of its look differ.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import ClassVar

from posterm.merchant.actor import Actor, Role
from posterm.merchant.application import Application, editable_application, owned_application
from posterm.merchant.document import Document
from posterm.merchant.eligibility import ELIGIBLE, IDENTITY_PAPERS, SCENE_PAPERS, PaperKind
from posterm.merchant.errors import NotFoundError, RefusedError
from posterm.merchant.marks import add_mark, holders, take_mark
from posterm.merchant.office import Office
from posterm.merchant.paper_problems import PAPER_PROBLEMS
from posterm.merchant.picture import PictureFacts, look_bands, measure, quality_problems, unlikeness
from posterm.merchant.problem import Problem

ALIKE_BITS = 3
_PICTURE_MARK, _LOOK_MARK = "picture", "look"


class Paper(Document):
    """One paper. `name` is where its sealed picture lies; `problems` what a review will find in it."""

    kind: ClassVar[str] = "paper"

    application: str
    paper_kind: PaperKind
    name: str
    digest: str
    facts: PictureFacts
    handed_in_at: str
    problems: tuple[Problem, ...] = ()


def hand_in_paper(
    office: Office, actor: Actor, application_key: str, paper_kind: PaperKind, picture: bytes, now: datetime
) -> Paper:
    """Keep a picture as one of an application's papers, in place of the one that showed the same.

    What is wrong with its quality stands in the paper at once, and is what a review would reject it for.

    Raises: RefusedError: no picture of use, or one that was handed in before; NotNowError: it is being reviewed.
    """
    path = f"papers[{paper_kind}]"
    with office.all_or_nothing():
        application = editable_application(office, actor, application_key, now)
        if paper_kind is PaperKind.LICENCE and not ELIGIBLE[application.form.applicant_type].has_licence:
            raise RefusedError([PAPER_PROBLEMS["paper-not-wanted"].at(path)])
        facts, problems = measure(picture, path)
        if facts is None:
            raise RefusedError(problems)
        digest = hashlib.sha256(picture).hexdigest()
        replaced = application.papers.get(paper_kind, "")
        used = _used(office, application, paper_kind, facts, digest, replaced)
        if used:
            raise RefusedError([PAPER_PROBLEMS[used].at(path)])
        if replaced:
            _forget(office, replaced)
        scene = paper_kind in SCENE_PAPERS
        paper = Paper(
            key=f"P{office.cabinet.next_number('paper'):010d}",
            subject=application.subject,
            application=application.key,
            paper_kind=paper_kind,
            name=office.cabinet.fingerprint(_PICTURE_MARK, digest),
            digest=digest,
            facts=facts,
            handed_in_at=now.isoformat(),
            problems=tuple(quality_problems(facts, path, scene=scene)),
        )
        office.pictures.put(paper.name, office.cabinet.seal_bytes(picture, f"picture/{paper.name}"))
        add_mark(office, _PICTURE_MARK, digest, paper.key)
        for band in look_bands(facts.look) if scene else ():
            add_mark(office, _LOOK_MARK, band, paper.key)
        office.cabinet.put(paper)
        papers = {**application.papers, paper_kind: paper.key}
        office.cabinet.put(application.model_copy(update={"papers": papers}))
        office.tell(paper, "hand-in", now, shows=paper_kind.value)
        return paper


def read_picture(office: Office, actor: Actor, key: str) -> bytes:
    """The picture of a paper, for its owner and for reviewers. Raises: NotFoundError: none, or another's."""
    paper = owned_paper(office, actor, key)
    actor.must_be(Role.MERCHANT, Role.REVIEWER)
    sealed = office.pictures.get(paper.name)
    if sealed is None:
        raise NotFoundError(f"the picture of paper {key!r} is gone")
    return office.cabinet.unseal_bytes(sealed, f"picture/{paper.name}")


def owned_paper(office: Office, actor: Actor, key: str) -> Paper:
    """A paper, when the actor may see it. Raises: NotFoundError."""
    paper = office.cabinet.need(Paper, key)
    actor.must_own(paper.subject, Paper.kind)
    return paper


def papers_of(office: Office, actor: Actor, application_key: str) -> list[Paper]:
    """The papers of an application as it stands."""
    application = owned_application(office, actor, application_key)
    return [office.cabinet.need(Paper, key) for key in application.papers.values()]


def _used(
    office: Office, application: Application, paper_kind: PaperKind, facts: PictureFacts, digest: str, replaced: str
) -> str:
    """The code of the problem when the picture was handed in before, by others or for something else."""
    same = {*holders(office, _PICTURE_MARK, digest)}
    if paper_kind in SCENE_PAPERS:
        for band in look_bands(facts.look):
            same.update(holders(office, _LOOK_MARK, band))
    same.discard(replaced)
    code = ""
    for key in sorted(same):
        other = office.cabinet.need(Paper, key)
        if other.digest != digest and unlikeness(other.facts.look, facts.look) > ALIKE_BITS:
            continue
        if other.subject != application.subject:
            return "picture-used"
        is_own_identity = paper_kind is other.paper_kind and paper_kind in IDENTITY_PAPERS
        if not (is_own_identity and other.application != application.key):
            code = "picture-twice"
    return code


def _forget(office: Office, key: str) -> None:
    paper = office.cabinet.need(Paper, key)
    take_mark(office, _PICTURE_MARK, paper.digest, key)
    for band in look_bands(paper.facts.look):
        take_mark(office, _LOOK_MARK, band, key)
