"""The dependency graph: layers, circles, and what hangs together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import DependencyCycle
from launcher.plan.graph import circle, cycles, dependents, layers, needs


def edges(text: str) -> list[tuple[str, str]]:
    """`a>b` means that a depends on b."""
    return [(pair[0], pair[2]) for pair in text.split()]


LAYERS = [
    ("nothing", "", "", ""),
    ("no edges", "cba", "", "cba"),
    ("a chain", "abc", "a>b b>c", "c b a"),
    ("a diamond", "abcd", "a>b a>c b>d c>d", "d bc a"),
    ("the longest way counts", "abc", "a>b a>c b>c", "c b a"),
    ("in order of definition", "zayx", "a>x z>x", "yx za"),
    ("an edge that stands twice", "ab", "a>b a>b", "b a"),
    ("two islands", "abcd", "a>b c>d", "bd ac"),
]


@pytest.mark.parametrize(
    ("nodes", "pairs", "expected"), [case[1:] for case in LAYERS], ids=[case[0] for case in LAYERS]
)
def test_layers(nodes: str, pairs: str, expected: str) -> None:
    """Every node stands in the first layer after all it depends on."""
    assert layers(nodes, edges(pairs)) == tuple(tuple(layer) for layer in expected.split())


CYCLES = [
    ("none", "abc", "a>b b>c", ""),
    ("itself", "ab", "a>a b>a", "a"),
    ("two", "ab", "a>b b>a", "ab"),
    ("begins with the earliest", "abc", "b>c c>b", "bc"),
    ("follows the dependencies", "abc", "a>c c>b b>a", "acb"),
    ("what waits for a circle, or is waited for, is not in it", "abcd", "a>b b>c c>b c>d", "bc"),
    ("two circles", "abcd", "a>b b>a c>d d>c", "ab cd"),
    ("two circles with a bridge", "dcbax", "a>b b>a c>d d>c a>x x>c", "dc ba"),
]


@pytest.mark.parametrize(
    ("nodes", "pairs", "expected"), [case[1:] for case in CYCLES], ids=[case[0] for case in CYCLES]
)
def test_cycles(nodes: str, pairs: str, expected: str) -> None:
    """Circles are found in full, each from its earliest node on."""
    assert cycles(nodes, edges(pairs)) == [tuple(names) for names in expected.split()]


def test_a_circle_is_named_in_full() -> None:
    """The error goes round once, in the direction in which services depend."""
    with pytest.raises(DependencyCycle, match="services depend on each other in a circle: api → db → api"):
        layers(["web", "api", "db"], [("web", "api"), ("api", "db"), ("db", "api")])
    assert str(circle(["api"])) == "api depends on itself: api → api"


def test_what_hangs_together() -> None:
    """Closures take the targets along and follow the edges to the end, through circles too."""
    pairs = edges("a>b b>c d>c e>f f>e")
    assert needs("a", pairs) == set("abc")
    assert needs("ad", pairs) == set("abcd")
    assert needs("e", pairs) == set("ef")
    assert dependents("c", pairs) == set("abcd")
    assert dependents("a", pairs) == set("a")


def test_a_long_chain_needs_no_deep_stack() -> None:
    """Ten thousand services one after another are layers, or one circle, like three are."""
    nodes = [str(number) for number in range(10_000)]
    chain = list(pairwise(nodes))
    assert len(layers(nodes, chain)) == len(nodes)
    assert len(needs(["0"], chain)) == len(nodes)
    assert cycles(nodes, [*chain, (nodes[-1], "0")]) == [tuple(nodes)]


GRAPHS = st.integers(1, 9).flatmap(
    lambda size: st.tuples(
        st.permutations([f"s{number}" for number in range(size)]),
        st.lists(st.tuples(*[st.integers(0, size - 1).map("s{}".format)] * 2), max_size=20),
    )
)


@given(GRAPHS)
def test_layers_are_minimal_or_there_is_a_circle(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    """No dependency stands in an equal or later layer, no node later than it must; else a real circle is named."""
    nodes, pairs = graph
    try:
        found = layers(nodes, pairs)
    except DependencyCycle:
        circles = cycles(nodes, pairs)
        for names in circles:
            assert set(zip(names, [*names[1:], names[0]], strict=True)) <= set(pairs)
            assert names[0] == min(names, key=nodes.index)
        assert len(set().union(*circles)) == sum(map(len, circles)) > 0
        return
    depth = {node: index for index, layer in enumerate(found) for node in layer}
    assert cycles(nodes, pairs) == []
    assert sorted(depth) == sorted(nodes)
    assert all(list(layer) == [node for node in nodes if node in layer] for layer in found)
    for node in nodes:
        assert depth[node] == max((depth[far] + 1 for near, far in pairs if near == node), default=0)


@given(GRAPHS, st.sets(st.sampled_from([f"s{number}" for number in range(9)])))
def test_closures_are_closed_and_each_others_mirror(
    graph: tuple[list[str], list[tuple[str, str]]], wanted: set[str]
) -> None:
    """A closure holds every neighbour of its members, and `dependents` is `needs` with the edges turned round."""
    nodes, pairs = graph
    targets = wanted & set(nodes)
    found = needs(targets, pairs)
    assert targets <= found
    assert all(far in found for near, far in pairs if near in found)
    assert all(node in targets or any(far == node and near in found for near, far in pairs) for node in found)
    assert found == dependents(targets, [(far, near) for near, far in pairs])
