"""Names for invented participants: accents, apostrophes, CJK, double family names, particles."""

from __future__ import annotations

FIRST_BY_SEX = {
    "1": (
        "José",
        "Zoltán",
        "Émile",
        "Søren",
        "D'Angelo",
        "健太",
        "伟",
        "Łukasz",
        "Jean-Luc",
        "James",
        "Noah",
        "민준",
    ),
    "2": (
        "Zoë",
        "Renée",
        "Siobhán",
        "Chloë",
        "Ngọc",
        "さくら",
        "芳",
        "Agnieszka",
        "Mary Ann",
        "Emma",
        "Nia",
        "서연",
    ),
    "3": ("Sam", "Renaud", "Kim", "Ariel", "Sacha", "Noor"),
}
LAST = (
    "García Márquez",
    "O'Brien",
    "Müller",
    "D'Amico",
    "Nguyễn",
    "山田",
    "王",
    "김",
    "Øster",
    "Lefèvre",
    "van der Berg",
    "Smith",
    "Tremblay",
    "Smith-Jones",
    "Ó Súilleabháin",
    "Çelik",
)
PHYSICIANS = ("Curie^Marie", "Röntgen^Wilhelm", "O'Connor^Niamh", "Tremblay^Luc")
