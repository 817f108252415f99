"""Columns of survey platforms that tell who people are, by the names that the platforms give them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["identifying"]

#: What a column tells, and how it is called, without case, blanks and signs.
_NAMES = {
    **dict.fromkeys(("ipaddress", "ipaddr", "ip"), "IP address"),
    **dict.fromkeys(("locationlatitude", "locationlongitude", "latitude", "longitude"), "location"),
    **dict.fromkeys(
        ("recipientlastname", "recipientfirstname", "firstname", "lastname", "surname", "fullname"), "name"
    ),
    **dict.fromkeys(("recipientemail", "email", "emailaddress"), "e-mail address"),
    **dict.fromkeys(("phone", "phonenumber", "telephone", "recipientphone", "mobile"), "telephone number"),
    **dict.fromkeys(
        (
            "externalreference", "externaldatareference", "recipientid", "contactid", "prolificpid", "prolificid", "prolific",
            "sessionid", "workerid", "mturkid", "mturkworkerid", "amazonid", "assignmentid", "hitid", "panelid", "panelistid",
            "respondentpanelid", "psid", "rid", "transactionid", "cintid", "lucidid", "participantpanelid", "token",
        ),
        "identifier of a panel or a list of addresses",
    ),
    **dict.fromkeys(("refurl", "referer", "referrer"), "page that a person came from"),
}  # fmt: skip


def identifying(names: Iterable[str]) -> str | None:
    """What a column tells of a person, by any of the names that it goes by; None when none is known.

    Examples
    --------
    >>> identifying(["PROLIFIC_PID"]), identifying(["Q1", "ipAddress"]), identifying(["ResponseId"])
    ('identifier of a panel or a list of addresses', 'IP address', None)
    """
    plain = (re.sub(r"[^a-z0-9]+", "", name.casefold()) for name in names)
    return next((_NAMES[name] for name in plain if name in _NAMES), None)
