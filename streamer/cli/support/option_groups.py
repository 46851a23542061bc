"""Groups of options.

A command asks for a group by the type of a parameter::

    @with_options
    def listen(engine: EngineOptions, results: ResultOptions) -> None: ...
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from dataclasses import dataclass
from typing import Annotated, Any, Callable, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class OptionGroup:
    """Base of what `with_options` replaces by its fields."""


def _declared(hint: Any) -> Any:
    """Return a hint as it was written.

    Before Python 3.11, `get_type_hints` wraps the hint of a parameter whose default is None in
    Optional, and Typer does not see an option in there.
    """
    if get_origin(hint) is Union:
        return next((each for each in get_args(hint) if get_origin(each) is Annotated), hint)
    return hint


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Replace parameters that are groups of options by the options themselves.

    Typer reads options from a function's signature; this generates one. Commands without groups
    need it too if an option in ``Annotated`` has None as its default, see `_declared`.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups = {}
    for parameter in inspect.signature(function).parameters.values():
        hint = _declared(hints[parameter.name])
        if not (isinstance(hint, type) and issubclass(hint, OptionGroup)):
            parameters.append(parameter.replace(annotation=hint))
            continue
        groups[parameter.name] = hint
        annotations = get_type_hints(hint, include_extras=True)
        for field in dataclasses.fields(hint):
            parameters.append(
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=field.default,
                    annotation=_declared(annotations[field.name]),
                )
            )

    @functools.wraps(function)
    def command(**values: Any) -> None:
        given = {
            name: group(
                **{field.name: values.pop(field.name) for field in dataclasses.fields(group)}
            )
            for name, group in groups.items()
        }
        function(**values, **given)

    # What inspect and typing see must be the new signature, not the wrapped function.
    del command.__wrapped__  # type: ignore[attr-defined]
    positional = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    command.__signature__ = inspect.Signature(positional)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in positional}
    return command
