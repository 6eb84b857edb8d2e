"""Letters for people who cannot type, or a machine that cannot show, the ones a name is written with. Pure.

Compatibility decomposition (Unicode NFKD) takes accents off and ligatures apart. What it leaves is here:
Latin letters that are no base letter with an accent, typographic punctuation, and the two alphabets with a
standard for names: Greek (ELOT 743, ISO 843) and Cyrillic (ICAO Doc 9303-3, section 6.B). Arabic, Hebrew,
Chinese, Japanese, Korean and the like are left alone: only its bearer knows how a name in them is spelt.

For names and descriptions only. Another letter in an identifier is another identifier.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_LATIN: Final = (
    "Ł L ł l Đ D đ d Ð D ð d Ø O ø o Ħ H ħ h Ŧ T ŧ t ı i ȷ j ĸ k Ŋ Ng ŋ ng Æ Ae æ ae Œ Oe œ oe Þ Th þ th "
    "ß ss ẞ SS Ə E ə e Ɓ B ɓ b Ɖ D ɖ d Ɗ D ɗ d Ƙ K ƙ k Ɛ E ɛ e Ɔ O ɔ o Ɣ G ɣ g Ɨ I ɨ i Ʉ U ʉ u Ƶ Z ƶ z "
    "Ǝ E ǝ e Ɲ N ɲ n"
)
_PUNCTUATION: Final = (
    "‘ ' ’ ' ‚ ' ‛ ' ′ ' ʼ ' ʻ ' ʾ ' ʿ ' ʹ ' ‵ ' ´ ' “ \" ” \" „ \" ‟ \" « \" » \" ″ \" ‹ ' › ' "
    "‐ - ‑ - ‒ - – - — - ― - − - ﹣ - · . • . × x ÷ / ⁄ / ∕ / © (c) ® (r) € EUR £ GBP"
)
_GREEK: Final = (
    "Α A Β V Γ G Δ D Ε E Ζ Z Η I Θ Th Ι I Κ K Λ L Μ M Ν N Ξ X Ο O Π P Ρ R Σ S ς s Τ T Υ Y Φ F Χ Ch Ψ Ps Ω O"
)
_CYRILLIC: Final = (
    "А A Б B В V Г G Д D Е E Ж Zh З Z И I Й I К K Л L М M Н N О O П P Р R С S Т T У U Ф F Х Kh Ц Ts Ч Ch "
    "Ш Sh Щ Shch Ъ Ie Ы Y Ь - Э E Ю Iu Я Ia Ё E Є Ie І I Ї I Ґ G Ђ D Ј J Љ Lj Њ Nj Ћ C Џ Dz Ў U Ѓ G Ќ K Ѕ Dz"
)
_SOFT_SIGN: Final = "Ь"


def _pairs(table: str) -> dict[str, str]:
    words = table.split(" ")
    return dict(zip(words[::2], words[1::2], strict=True))


def _both_cases(table: str) -> dict[str, str]:
    upper = _pairs(table)
    if _SOFT_SIGN in upper:
        upper[_SOFT_SIGN] = ""
    return {letter.lower(): plain.lower() for letter, plain in upper.items()} | upper


_PLAIN: Final = _pairs(_LATIN) | _pairs(_PUNCTUATION) | _both_cases(_GREEK) | _both_cases(_CYRILLIC)
_DELIMITERS: Final = frozenset("\\^=")  # of values, and of a name's components and groups


def plain(text: str) -> str:
    """Return text in ASCII letters; characters that have none stay as they are."""
    if text.isascii():
        return text
    return "".join(map(plain_character, unicodedata.normalize("NFC", text)))


@lru_cache(maxsize=4096)
def plain_character(character: str) -> str:
    """Return what stands for a character in ASCII: nothing for a mark alone, itself if it has nothing."""
    if character.isascii():
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return ""
    found = "".join(_PLAIN.get(each, each) for each in without_accents(character))
    return found if found.isascii() and not _DELIMITERS.intersection(found) else character


def without_accents(text: str) -> str:
    """Return text decomposed, without the marks; delimiters may come of it, as of a full-width one."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
