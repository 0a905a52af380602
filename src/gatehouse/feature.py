"""What a feature may add to the house; it lists it in its own folder and installs itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask, current_app
from flask_smorest import Blueprint

from gatehouse.core.errors import Refusal
from gatehouse.core.events import Event, Fact
from gatehouse.core.permissions import Permission
from gatehouse.infra.limits import Rule
from gatehouse.infra.metrics import Counter
from gatehouse.web import access

EXTENSION = "gatehouse.slots"

Job = Callable[[dict[str, Any], UUID], None]
Listener = Callable[[Fact], None]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One folder of the house and every slot that it fills.

    jobs            kind of outbox row -> the function that performs it
    periodic        name -> (interval, function) of housekeeping work
    authenticators  in the order in which they look at a request
    listeners       event -> what is done once it is committed: quick, and without a unit
    second_factor   called after a right password; the refusal that asks for a second step
    export, erase   what the feature keeps about a person, and how it forgets it
    """

    name: str
    blueprints: tuple[Blueprint, ...] = ()
    permissions: type[Permission] | None = None
    events: type[Event] | None = None
    limits: tuple[Rule, ...] = ()
    metrics: tuple[Counter, ...] = ()
    jobs: Mapping[str, Job] = field(default_factory=dict)
    periodic: Mapping[str, tuple[timedelta, Callable[[], Any]]] = field(default_factory=dict)
    authenticators: tuple[access.Authenticator, ...] = ()
    listeners: Mapping[Event, Listener] = field(default_factory=dict)
    second_factor: Callable[[UUID], Refusal | None] | None = None
    export: Callable[[UUID], Mapping[str, Any]] | None = None
    erase: Callable[[UUID], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Slots:
    """What the features of one application have filled in, in their order."""

    permissions: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    authenticators: list[access.Authenticator] = field(default_factory=list)
    listeners: dict[Event, list[Listener]] = field(default_factory=dict)
    second_factors: list[Callable[[UUID], Refusal | None]] = field(default_factory=list)
    exports: dict[str, Callable[[UUID], Mapping[str, Any]]] = field(default_factory=dict)
    erasers: list[Callable[[UUID], None]] = field(default_factory=list)

    @classmethod
    def of(cls, app: Flask) -> "Slots":
        """Give `app` empty slots."""
        slots = cls()
        app.extensions[EXTENSION] = slots
        app.extensions[access.AUTHENTICATORS] = slots.authenticators
        return slots

    def fill(self, feature: Feature) -> None:
        """Add what one feature brings."""
        self.permissions.update(feature.permissions or ())
        self.events.update(feature.events or ())
        self.authenticators.extend(feature.authenticators)
        for event, listener in feature.listeners.items():
            self.listeners.setdefault(event, []).append(listener)
        if feature.second_factor is not None:
            self.second_factors.append(feature.second_factor)
        if feature.export is not None:
            self.exports[feature.name] = feature.export
        if feature.erase is not None:
            self.erasers.append(feature.erase)


def slots() -> Slots:
    """Return the slots of the present application."""
    found: Slots = current_app.extensions[EXTENSION]
    return found
