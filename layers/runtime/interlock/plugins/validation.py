"""Validate inputs and outputs against a tool's JSON Schemas (2020-12), compiled once per tool and kept.

Validity is decided on the whole value. Errors of an invalid value are collected from a bounded sample of it; the whole
value is validated only up to its first error. So time and memory do not grow with the number of errors.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry, ValidationError, ValidationErrorKind

from interlock.domain.file_formats import FILE_FORMAT, check_file, decode_file
from interlock.domain.file_references import FileReference, file_references, takes_uploads
from interlock.domain.problems import MAX_PROBLEMS, MAX_TEXT, Location, Problem, problem, shortened
from interlock.domain.schema_unions import Union, UnionFreeSchema
from interlock.domain.value_sample import Sample

_DOCUMENT = "urn:interlock:schema"
_MIB = 1024 * 1024
_MASK = "\0"
"""Placeholder for the value in an error's message. The library would write out the whole value."""

_CUT_PROOF = (
    ValidationErrorKind.Type,
    ValidationErrorKind.AdditionalProperties,
    ValidationErrorKind.PropertyNames,
    ValidationErrorKind.MaxItems,
    ValidationErrorKind.MaxProperties,
)
"""Errors of a container that hold for the whole container if they hold for its first items."""


class SchemaValidator:
    """Validates JSON values and reports problems as items of an envelope's `details.errors`."""

    def __init__(self) -> None:
        self._compiled: dict[str, _Schema] = {}
        self._takes_uploads: dict[str, tuple[Mapping[str, Any], bool]] = {}

    def problems(self, key: str, schema: Mapping[str, Any], value: Any) -> list[Problem]:
        """Return `{"path": JSON Pointer, "message": text}` for each problem, at most 20. Empty if the value is valid.

        `key` names the schema; while it names the same object, the compiled schema is reused. For a value larger than a
        `Sample`, the list may contain only the first error.
        """
        compiled = self._compiled.get(key)
        if compiled is None or compiled.schema is not schema:
            compiled = self._compiled[key] = _Schema(schema)
        try:
            return compiled.problems(value)
        except UnicodeEncodeError:
            return [problem((), "holds a lone surrogate, which is not Unicode text")]
        except ValueError:
            # The validator accepts at most 255 levels.
            return [problem((), "is nested too deeply")]

    def uploads(self, key: str, schema: Mapping[str, Any], value: Any) -> tuple[FileReference, ...]:
        """Return the uploads named by a value that fits the schema. `key` names the schema, as above."""
        known, takes = self._takes_uploads.get(key, (None, False))
        if known is not schema:
            takes = takes_uploads(schema)
            self._takes_uploads[key] = schema, takes
        return file_references(schema, value) if takes else ()


class _Schema:
    """A compiled schema: one validator decides on validity, another collects errors."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self._text = json.dumps(schema)
        self._whole = Draft202012Validator(self._text, **_OPTIONS)
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def _union_free(self) -> UnionFreeSchema:
        return UnionFreeSchema(self.schema, self._text)

    @cached_property
    def _meanings(self) -> Mapping[str, str]:
        """The descriptions of fields by their pattern: a regular expression explains little to a caller."""
        found: dict[str, str] = {}
        nodes: list[Any] = [self.schema]
        while nodes:
            node = nodes.pop()
            if isinstance(node, dict):
                nodes.extend(node.values())
                if isinstance(node.get("pattern"), str) and isinstance(node.get("description"), str):
                    found.setdefault(node["pattern"], node["description"])
            elif isinstance(node, list):
                nodes.extend(node)
        return found

    @cached_property
    def _registry(self) -> Registry:
        return Registry([(_DOCUMENT, self._union_free.document)])

    def problems(self, value: Any) -> list[Problem]:
        if self._whole.is_valid(value):
            return []
        found: list[Problem] = []
        for error in self._errors("#", value):
            found.extend(self._describe(error, value, ()))
            if len(found) >= MAX_PROBLEMS:
                break
        return found[:MAX_PROBLEMS] or [problem((), "does not fit the schema")]

    def _validator(self, reference: str) -> Draft202012Validator:
        """Return the validator of a subschema, named by a JSON Pointer into the union-free document."""
        if reference not in self._validators:
            self._validators[reference] = Draft202012Validator(
                {"$ref": _DOCUMENT + reference}, registry=self._registry, mask=_MASK, **_OPTIONS
            )
        return self._validators[reference]

    def _errors(self, reference: str, value: Any) -> list[ValidationError]:
        """Return the errors of a sample that hold for the whole value, or else the first error of the whole value."""
        validator = self._validator(reference)
        if validator.is_valid(value):
            return []
        sample = Sample(value)
        found = [
            error
            for error in validator.iter_errors(sample.value)
            if tuple(error.instance_path) not in sample.cut or isinstance(error.kind, _CUT_PROOF)
        ]
        return found or _first_error(validator, value)

    def _describe(self, error: ValidationError, whole: Any, at: Location) -> list[Problem]:
        """Return one problem, or one per surplus field. The path of a missing or surplus field names the field. `at` is
        the location of `whole`, at which the error's path begins."""
        location = (*at, *error.instance_path)
        match error.kind:
            case ValidationErrorKind.Required(property=name):
                return [problem((*location, name), "is required")]
            case ValidationErrorKind.AdditionalProperties(unexpected=names):
                surplus = names[:MAX_PROBLEMS]
                return [problem((*location, name), "is not a known field") for name in surplus]
            case ValidationErrorKind.Format(format=name) if name == FILE_FORMAT:
                return [problem(location, _file_message(_found(whole, error)))]
            case ValidationErrorKind.Not(schema={"not": {"$ref": str(reference)}}) if (
                reference in self._union_free.unions
            ):
                union = self._union_free.unions[reference]
                return self._describe_options(union, _found(whole, error), location)
            case ValidationErrorKind.PropertyNames(error=about_name):
                return [problem(location, _message(about_name, about_name.instance))]
            case _:
                return [problem(location, self._explained(error, _found(whole, error)))]

    def _explained(self, error: ValidationError, value: Any) -> str:
        match error.kind:
            case ValidationErrorKind.Pattern(pattern=pattern) if pattern in self._meanings:
                return shortened(f"{_text(value)} does not fit: {self._meanings[pattern]}")
            case ValidationErrorKind.Maximum(limit=int(limit)) if limit and limit % _MIB == 0:
                return f"{_message(error, value)} ({limit // _MIB} MiB)"
            case _:
                return _message(error, value)

    def _describe_options(self, union: Union, value: Any, at: Location) -> list[Problem]:
        """Return the problems of the union's option that the caller meant: the option with the value's type and, for
        objects, with its tag."""
        options = [self._errors(option, value) for option in union.options]
        typed = [option for option in options if not any(map(_is_of_another_type, option))]
        if not typed:
            return [problem(at, f"{_text(value)} is not of type {_types(options)}")]
        tag = (union.tag or _tag(typed)) if len(typed) > 1 else None
        untagged = [[one for one in option if tag is not None and _is_about_tag(one, tag)] for option in typed]
        meant = [option for option, misses in zip(typed, untagged, strict=True) if not misses]
        if len(meant) == 1:
            return [item for one in meant[0][:MAX_PROBLEMS] for item in self._describe(one, value, at)]
        if meant or tag is None:
            how = "not valid under any" if all(options) else "valid under more than one"
            message = f"{_text(value)} is {how} of the schemas listed in the '{union.keyword}' keyword"
            return [problem(at, message)]
        return [_no_such_tag((*at, tag), [one for misses in untagged for one in misses])]


_OPTIONS: Any = {"validate_formats": True, "formats": {FILE_FORMAT: check_file}}


def _first_error(validator: Draft202012Validator, value: Any) -> list[ValidationError]:
    try:
        validator.validate(value)
    except ValidationError as error:
        return [error]
    return []


def _found(whole: Any, error: ValidationError) -> Any:
    """Return the value that an error is about. The error itself may refer to a sample of it."""
    for part in error.instance_path:
        whole = whole[part]
    return whole


def _message(error: ValidationError, value: Any) -> str:
    return shortened(error.message.replace(_MASK, _text(value), 1))


def _text(value: Any) -> str:
    """Return a value as shortened JSON."""
    if isinstance(value, str) and len(value) > 2 * MAX_TEXT:
        value = value[:MAX_TEXT] + value[-MAX_TEXT:]
    sample = Sample(value)
    text = json.dumps(sample.value, ensure_ascii=False, separators=(",", ":"))
    return f"{text[:140]} ..." if sample.cut else shortened(text)


def _is_of_another_type(one: ValidationError) -> bool:
    return isinstance(one.kind, ValidationErrorKind.Type) and not one.instance_path


def _types(options: Sequence[Sequence[ValidationError]]) -> str:
    told = [next(one.message for one in option if _is_of_another_type(one)) for option in options]
    return " or ".join(dict.fromkeys(message.rpartition(" is not of type ")[2] for message in told))


def _tag(options: Sequence[Sequence[ValidationError]]) -> str | None:
    """Return the field with a fixed word that distinguishes the options of a union without a discriminator."""
    fixed = (one for option in options for one in option if isinstance(one.kind, ValidationErrorKind.Constant))
    return next((str(one.instance_path[0]) for one in fixed if len(one.instance_path) == 1), None)


def _is_about_tag(one: ValidationError, tag: str) -> bool:
    """Return whether a value has another tag than an option requires, or none."""
    match one.kind:
        case ValidationErrorKind.Required(property=name):
            return [*one.instance_path, name] == [tag]
        case ValidationErrorKind.Constant() | ValidationErrorKind.Enum():
            return one.instance_path == [tag]
        case _:
            return False


def _no_such_tag(at: Location, misses: Sequence[ValidationError]) -> Problem:
    words: list[Any] = []
    for one in misses:
        match one.kind:
            case ValidationErrorKind.Constant(expected_value=word):
                words.append(word)
            case ValidationErrorKind.Enum(options=several):
                words.extend(several)
    if not words:
        return problem(at, "is required")
    return problem(at, shortened(f"is not one of {', '.join(map(json.dumps, words))}"))


def _file_message(value: Any) -> str:
    try:
        decode_file(value)
    except ValueError as error:
        return str(error)
    return "is not a file"
