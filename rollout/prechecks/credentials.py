"""Names and passwords that Azure refuses for a local administrator: found before the first temporary machine is made.

Rules: REST reference of virtual machines, osProfile.adminUsername and adminPassword. A value is never told, only the
rule that it breaks.
"""

from __future__ import annotations

import json
import re

LONGEST_NAME = 20
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 123
KINDS = (r"[a-z]", r"[A-Z]", r"\d", r"[\W_]")
"""Characters of three of these kinds must be in a password."""
NAMES = (
    " administrator admin admin1 admin2 user user1 user2 user3 user4 user5 test test1 test2 test3 1 123 a actuser adm "
    "aspnet backup console david guest john owner root server sql support support_388945a0 sys "
)
"""Each between spaces."""
PASSWORDS = " abc@123 P@$$w0rd P@ssw0rd P@ssword123 Pa$$word pass@word1 Password! Password1 Password22 iloveyou! "


def name_refused(name: str) -> str:
    """Why Azure refuses the name, or nothing."""
    if f" {name.lower()} " in NAMES:
        return "is one of the names that Azure refuses, such as admin and user"
    if len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    return "ends with a period" if name.endswith(".") else ""


def password_refused(password: str) -> str:
    """Why Azure refuses the password, or nothing."""
    if f" {password} " in PASSWORDS:
        return "is one of the passwords that Azure refuses because everybody knows them"
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"is not {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters long"
    if sum(bool(re.search(kind, password)) for kind in KINDS) < 3:
        return "has not three of these: a small letter, a capital letter, a digit, a special character"
    return ""


def settings_refused(text: str) -> str:
    """Why the text is no protected settings of an extension, or nothing."""
    try:
        return "" if isinstance(json.loads(text), dict) else "is no JSON object"
    except ValueError:
        return "is no JSON"
