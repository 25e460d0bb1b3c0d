"""Names, addresses and numbers that look real and belong to nobody.

Mail domains are those of RFC 2606, telephone numbers those that Ofcom keeps for drama, towns do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST_NAMES = (
    "Adam", "Aisha", "Alice", "Amir", "Andreas", "Anna", "Anton", "Ben", "Bianca", "Carla", "Chloe",
    "Daniel", "Dara", "Elena", "Eli", "Emma", "Fatima", "Felix", "Fiona", "George", "Grace", "Hanna",
    "Hugo", "Ines", "Irene", "Ivan", "Jack", "Joana", "Jonas", "Julia", "Kamal", "Karin", "Leo", "Lina",
    "Lucas", "Maria", "Marta", "Max", "Mina", "Nadia", "Nikos", "Nora", "Olga", "Oscar", "Pavel", "Petra",
    "Rania", "Rosa", "Samir", "Sara", "Simon", "Sofia", "Stella", "Theo", "Tomas", "Vera", "Victor",
    "Yara", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Andreou", "Baker", "Barros", "Becker", "Bishop", "Brandt", "Carver", "Castro", "Christou",
    "Cole", "Costa", "Dalton", "Demir", "Duarte", "Eriksen", "Farah", "Fischer", "Foster", "Georgiou",
    "Grant", "Haddad", "Hale", "Hansen", "Harper", "Ioannou", "Jansen", "Keller", "Khalil", "Kovacs",
    "Lambert", "Lang", "Leandrou", "Lindgren", "Marsh", "Martins", "Mendes", "Michael", "Moreau",
    "Nasser", "Nielsen", "Novak", "Olsen", "Palmer", "Papas", "Pereira", "Petrov", "Quinn", "Ramos",
    "Reed", "Rossi", "Santos", "Savva", "Schmidt", "Silva", "Stone", "Tanner", "Turner", "Vargas", "Vega",
    "Walsh", "Weber", "Wells", "Wood", "Yilmaz",
)  # fmt: skip
TRADES = (
    "Bakery", "Barbers", "Cafe", "Clinic", "Garage", "Gym", "Hotel", "Inn", "Pharmacy", "Restaurant",
    "Travel",
)  # fmt: skip
STREETS = (
    "Acacia", "Bridge", "Castle", "Cedar", "Chapel", "Church", "Garden", "Harbour", "Hill", "Market",
    "Mill",
)  # fmt: skip
KINDS_OF_STREET = ("Avenue", "Close", "Lane", "Road", "Street")
TOWNS = (
    ("Northbridge", "NB"), ("Ashcombe", "AM"), ("Westhaven", "WV"), ("Millford Bay", "MY"), ("Kestrel Heath", "KX"),
    ("Saltmarsh", "SX"), ("Oldgate", "OG"), ("Fairwater", "FW"),
)  # fmt: skip
MAIL_DOMAINS = ("example.com", "example.net", "example.org")
PHONE_PREFIXES = ("+44 7700 900", "+44 20 7946 0", "+44 1632 960", "+44 113 496 0", "+44 131 496 0")


@dataclass(frozen=True, slots=True)
class Person:
    """Who subscribes: a customer of the CRM."""

    name: str
    email: str | None
    phone: str | None
    address: str


def somebody(rng: Random, *, business: bool) -> Person:
    """Return a person, or a firm if *business*; one in twenty gave no mail, one in thirty no number."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    name = f"{last} {rng.choice(TRADES)}" if business else f"{first} {last}"
    draw = rng.random()
    mail = f"{first}.{last}{int(draw * 9000) + 100}@{rng.choice(MAIL_DOMAINS)}".lower()
    return Person(
        name=name,
        email=None if draw < 0.05 else mail,
        phone=None if draw > 0.967 else phone(rng),
        address=address(rng),
    )


def named(rng: Random, name: str) -> Person:
    """Return a customer of that name whose mail and number are those of the example."""
    return Person(name=name, email="showcase@example.com", phone=phone(rng), address=address(rng))


def phone(rng: Random) -> str:
    """Return a telephone number that nobody has."""
    return f"{rng.choice(PHONE_PREFIXES)}{rng.randrange(1000):03d}"


def address(rng: Random) -> str:
    """Return an address in a town that does not exist."""
    town, letters = rng.choice(TOWNS)
    street = f"{rng.randrange(1, 180)} {rng.choice(STREETS)} {rng.choice(KINDS_OF_STREET)}"
    postcode = f"{letters}{rng.randrange(1, 20)} {rng.randrange(1, 10)}{rng.choice('ABDEFGHJ')}{rng.choice('LNPQRSTU')}"
    return f"{street}, {town} {postcode}"
