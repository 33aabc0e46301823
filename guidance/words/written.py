"""Prompts as typed: their words, without weights, and lists of objects."""

import re

SEPARATORS = ",;\n\r\N{FULLWIDTH COMMA}\N{FULLWIDTH SEMICOLON}\N{IDEOGRAPHIC COMMA}"
EQUALS = "=\N{FULLWIDTH EQUALS SIGN}"

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_BRACKETS = re.compile(rf"\(([^()]*?)(:\s*{_NUMBER}\s*)?\)")
_ESCAPED = {"\\(": "\0\1", "\\)": "\0\2"}

# Everything but spaces, controls, and punctuation of ASCII, General Punctuation and CJK.
_LETTER = r"[^\x00-/:-@\[-`{-\xa0\u1680\u2000-\u206f\u3000-\u303f\uff01-\uff0f\uff1a-\uff20]"
_JOINS = (
    r"[()]*(?:_+|[-'\u2010\u2011\u2019])[()]*"  # red_circle, t-shirt, dog's, miku_(singer)
    r"|(?<=\d)[.:/](?=\d)"  # 3.5, 12:30, 1/2
    r"|(?<=\d),(?=\d{3}(?!\d))"  # 1,000
    rf"|(?<!{_LETTER}{_LETTER})[.&](?={_LETTER}(?!{_LETTER}))"  # U.S., R&B
)
_WORD = re.compile(rf"{_LETTER}+(?:(?:{_JOINS}){_LETTER}+)*")


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list that a user typed: between commas, semicolons or new lines."""
    parts = re.split(f"[{SEPARATORS}]", text)
    return tuple(part.strip() for part in parts if part.strip())


def unweighted(text: str) -> str:
    """A prompt without its weights: "a (red:1.3) cat" is "a red cat"; escaped brackets stay."""
    for escaped, mark in _ESCAPED.items():
        text = text.replace(escaped, mark)
    before = ""
    while text != before:
        before, text = text, _BRACKETS.sub(r"\1", text)
    for escaped, mark in _ESCAPED.items():
        text = text.replace(mark, escaped[1:])
    return text


def written(prompt: str) -> tuple[str, ...]:
    """The words of a prompt as they are typed, lower case, each once.

    Punctuation within a word belongs to it: "red_circle", "t-shirt", "3.5" and "12:30" are words.
    """
    words = _WORD.findall(unweighted(prompt).lower())
    closed = (word + ")" * (word.count("(") - word.count(")")) for word in words)
    return tuple(dict.fromkeys(closed))
