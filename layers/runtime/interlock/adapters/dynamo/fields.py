"""Store a record as attributes of an item. The form of a field follows from its type, so a new field needs no code:

text as it is, numbers as numbers, times as RFC 3339, enums by value, records as maps, tuples as lists; None is left
out.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeAliasType, get_args, get_origin, get_type_hints

from interlock.adapters.dynamo.attributes import Item, to_number
from interlock.domain.times import from_rfc3339, rfc3339


class Form(NamedTuple):
    """How values of one type are stored and read."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def encoded(value: Any, special: Mapping[str, Form] | None = None) -> Item:
    """Return the attributes of a record. `special` has forms that differ from the field's type."""
    item = {}
    for name, form in {**_forms(value.__class__), **(special or {})}.items():
        part = getattr(value, name)
        if part is not None:
            item[name] = form.encode(part)
    return item


def decoded[T](cls: type[T], item: Mapping[str, Any], special: Mapping[str, Form] | None = None) -> T:
    """Return the record that `encoded` stored. Fields without an attribute get their default."""
    made: Any = cls
    forms = {**_forms(made), **(special or {})}
    return cls(**{name: form.decode(item[name]) for name, form in forms.items() if name in item})


@cache
def _forms(cls: Any) -> dict[str, Form]:
    hints = get_type_hints(cls)
    return {name: _form(hints[name]) for name in cls.__struct_fields__}


def _form(hint: Any) -> Form:
    kind: Any
    if get_origin(hint) is tuple:
        part = _form(get_args(hint)[0])
        return Form(lambda value: [part.encode(one) for one in value], lambda value: tuple(map(part.decode, value)))
    [kind] = [one for one in get_args(hint) or (hint,) if one is not NoneType]
    if isinstance(kind, TypeAliasType):
        kind = kind.__value__
    if get_origin(kind) is Literal:
        return _PLAIN[str]
    if hasattr(kind, "__struct_fields__"):
        return Form(encoded, partial(decoded, kind))
    if issubclass(kind, StrEnum):
        return Form(lambda value: value.value, kind)
    return _PLAIN[kind]


_PLAIN: Mapping[type[Any], Form] = {
    str: Form(str, str),
    int: Form(int, int),
    float: Form(to_number, float),
    datetime: Form(rfc3339, from_rfc3339),
}
