"""Chains of layers: the populations and projections that they stand for, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from netsim.errors import SpecificationError
from netsim.specification.checks import check_parts, require
from netsim.specification.neurons import Neurons
from netsim.specification.populations import STIMULUS, Layer, Population, Projection, Shape, check_winners


def expand_layers(
    layers: Sequence[Layer], source_shape: Shape
) -> tuple[tuple[Population, ...], tuple[Projection, ...]]:
    """Return the populations and projections of a chain. Raise a SpecificationError if layers do not fit."""
    layers = check_parts(layers, Layer, "layers")
    populations, projections, source = [], [], STIMULUS
    for layer in layers:
        name, where = layer.name, f"layers.{layer.name}"
        try:
            shape = layer.connectivity.target_shape(source_shape)
            sizes = isinstance(shape, tuple) and all(isinstance(size, int) and size > 0 for size in shape)
            require(sizes, "", f"makes a population of shape {shape!r}; it must be of positive integers")
            layer.connectivity.check(source_shape, shape)
            weighted = bool(layer.connectivity.weight_shape(source_shape, shape))
        except SpecificationError as error:
            raise SpecificationError(f"{where}.{error.field}".rstrip("."), error.message) from error
        require(weighted or layer.neurons is None, f"{where}.neurons", "has no meaning for relays; remove it")
        neurons = layer.neurons or (Neurons() if weighted else None)
        if layer.winners is not None:
            require(neurons is not None, f"{where}.winners", "has no meaning for relays; remove it")
            check_winners(layer.winners, shape, where)
        given = {f.name: getattr(layer, f.name) for f in fields(layer)} | {"neurons": neurons}
        try:
            populations.append(Population(shape=shape, **{key: given[key] for key in _shared(Population)}))
            projection = Projection(source=source, target=name, **{key: given[key] for key in _shared(Projection)})
        except SpecificationError as error:  # its field begins with the population or the projection
            raise SpecificationError(".".join([where, *error.field.split(".")[2:]]), error.message) from error
        projections.append(projection)
        source, source_shape = name, shape
    return tuple(populations), tuple(projections)


def layers_of(populations: Sequence[Population], projections: Sequence[Projection]) -> tuple[Layer, ...]:
    """Return the layers of a chain, one for each pair of a population and its projection."""
    return tuple(
        Layer(**_of_layer(projection) | _of_layer(population) | {"neurons": _unless_default(population.neurons)})
        for population, projection in zip(populations, projections, strict=True)
    )


def _shared(part: type) -> list[str]:
    """Return the names of fields that a layer shares with a population or a projection."""
    known = {field.name for field in fields(Layer)}
    return [field.name for field in fields(part) if field.name in known]


def _of_layer(part: Population | Projection) -> dict[str, Any]:
    return {name: getattr(part, name) for name in _shared(type(part))}


def _unless_default(neurons: Neurons | None) -> Neurons | None:
    return None if neurons == Neurons() else neurons
