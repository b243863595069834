"""Input and output against a tool's JSON Schemas (2020-12), compiled once per tool and kept."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from interlock.domain.file_formats import FILE_FORMAT, check_file, decode_file
from interlock.domain.file_references import FileReference, file_references, takes_uploads
from interlock.domain.problems import MAX_PROBLEMS, Location, Problem, problem, shortened


class SchemaValidator:
    """Tells what is wrong with JSON values, as items of an envelope's `details.errors`."""

    def __init__(self) -> None:
        self._compiled: dict[str, Draft202012Validator] = {}
        self._takes_uploads: dict[str, bool] = {}

    def problems(self, key: str, schema: Mapping[str, Any], value: Any) -> list[Problem]:
        """`{"path": JSON Pointer, "message": text}` for each misfit, at most 20; empty when the value fits.
        `key` names the schema: one that was compiled under it before is used again."""
        if key not in self._compiled:
            self._compiled[key] = Draft202012Validator(
                json.dumps(schema), validate_formats=True, formats={FILE_FORMAT: check_file}
            )
        try:
            return _problems(self._compiled[key], schema, value)
        except UnicodeEncodeError:
            return [problem((), "holds a lone surrogate, which is not Unicode text")]
        except ValueError:
            # The validator goes 255 levels down.
            return [problem((), "is nested too deeply")]

    def uploads(self, key: str, schema: Mapping[str, Any], value: Any) -> tuple[FileReference, ...]:
        """The uploads that a value names which fits the schema. `key` names the schema, as above."""
        if key not in self._takes_uploads:
            self._takes_uploads[key] = takes_uploads(schema)
        return file_references(schema, value) if self._takes_uploads[key] else ()


def _problems(compiled: Draft202012Validator, schema: Mapping[str, Any], value: Any) -> list[Problem]:
    if compiled.is_valid(value):
        return []
    found: list[Problem] = []
    for error in compiled.iter_errors(value):
        found.extend(_describe(error, schema))
        if len(found) >= MAX_PROBLEMS:
            break
    return found[:MAX_PROBLEMS]


def _describe(error: ValidationError, schema: Mapping[str, Any]) -> list[Problem]:
    """One item, or one for each surplus field. A missing or surplus field is named by the path: that is where the
    reader looks."""
    at = error.instance_path
    match error.kind:
        case ValidationErrorKind.Required(property=name):
            return [problem([*at, name], "is required")]
        case ValidationErrorKind.AdditionalProperties(unexpected=names):
            return [problem([*at, name], "is not a field of this tool") for name in names]
        case ValidationErrorKind.Format(format=name) if name == FILE_FORMAT:
            return [problem(at, _file_message(str(error.instance)))]
        case ValidationErrorKind.AnyOf(context=options) | ValidationErrorKind.OneOfNotValid(context=options):
            return _describe_options(error, options, schema)
        case _:
            return [problem(at, shortened(error.message))]


def _describe_options(
    error: ValidationError, options: Sequence[Sequence[ValidationError]], schema: Mapping[str, Any]
) -> list[Problem]:
    """Of several forms that a value may have, what is wrong by the one that is meant: the one whose type it has and,
    of several objects, the one whose tag."""
    typed = [option for option in options if not any(_is_of_another_type(one, error) for one in option)]
    if not typed:
        return [problem(error.instance_path, shortened(_other_types(error, options)))]
    tag = _tag(error, typed, schema) if len(typed) > 1 else None
    untagged = [_misses(tag, option, error) for option in typed]
    meant = [option for option, misses in zip(typed, untagged, strict=True) if not misses]
    if len(meant) == 1:
        return [item for one in meant[0] for item in _describe(one, schema)]
    if meant or tag is None:
        return [problem(error.instance_path, shortened(error.message))]
    return [_no_such_tag([*error.instance_path, tag], [one for misses in untagged for one in misses])]


def _is_of_another_type(one: ValidationError, whole: ValidationError) -> bool:
    return isinstance(one.kind, ValidationErrorKind.Type) and one.instance_path == whole.instance_path


def _other_types(error: ValidationError, options: Sequence[Sequence[ValidationError]]) -> str:
    told = [next(one.message for one in option if _is_of_another_type(one, error)) for option in options]
    subject = told[0].rpartition(" is not of type ")[0]
    types = dict.fromkeys(message.rpartition(" is not of type ")[2] for message in told)
    return f"{subject} is not of type {' or '.join(types)}"


def _tag(error: ValidationError, options: Sequence[Sequence[ValidationError]], schema: Mapping[str, Any]) -> str | None:
    """The field by which one option is told from another: the schema's `discriminator` (OpenAPI 3.1, which pydantic
    writes), or else one that has to be a certain word."""
    with suppress(LookupError, TypeError):
        whole: Any = schema
        for part in error.schema_path[:-1]:
            whole = whole[part]
        return str(whole["discriminator"]["propertyName"])
    fixed = (one for option in options for one in option if isinstance(one.kind, ValidationErrorKind.Constant))
    depth = len(error.instance_path)
    return next((str(one.instance_path[depth]) for one in fixed if len(one.instance_path) == depth + 1), None)


def _misses(tag: str | None, option: Sequence[ValidationError], whole: ValidationError) -> list[ValidationError]:
    """How a value has not the tag of this option: it has another, or none."""
    return [one for one in option if tag is not None and _is_about_tag(one, [*whole.instance_path, tag])]


def _is_about_tag(one: ValidationError, at: Sequence[str | int]) -> bool:
    match one.kind:
        case ValidationErrorKind.Required(property=name):
            return [*one.instance_path, name] == at
        case ValidationErrorKind.Constant() | ValidationErrorKind.Enum():
            return one.instance_path == at
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


def _file_message(text: str) -> str:
    try:
        decode_file(text)
    except ValueError as error:
        return str(error)
    return "is not a file"
