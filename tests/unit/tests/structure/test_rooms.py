"""Rooms and their imports: what a circle is, and which imports run back."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.structure.imports import import_graph, modules
from tests.structure.rooms import folder, folders


def graph(**imports: str) -> dict[str, frozenset[str]]:
    named = {
        name.replace("__", "."): frozenset(f"p.{each}" for each in text.split())
        for name, text in imports.items()
    }
    return {f"p.{name}": found for name, found in named.items()}


def test_imports_that_run_one_way_are_no_circle() -> None:
    found = folder(graph(top="middle low", middle="low", low=""), "p")
    assert found.rooms == ("low", "middle", "top")
    assert (found.circles, dict(found.backward)) == ((), {})


def test_two_folders_that_use_each_other_are_a_circle_without_a_circle_of_modules() -> None:
    found = folder(graph(a__one="b.one", a__two="", b__one="", b__two="a.two a.one"), "p")
    assert found.circles == (("a", "b"),)
    assert dict(found.backward) == {("a", "b"): 1}


def test_imports_within_a_room_are_its_own_business() -> None:
    assert folder(graph(a__one="a.two", a__two="a.one"), "p").circles == ()
    assert folder(graph(a__one="a.two", a__two="a.one"), "p.a").circles == (("one", "two"),)


def test_every_folder_is_looked_at() -> None:
    assert [each.name for each in folders(graph(a__b__c="", d=""), "p")] == ["p", "p.a", "p.a.b"]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.frozensets(st.sampled_from("abcdef"), max_size=4), min_size=2
    )
)
def test_without_what_runs_back_there_is_no_circle(arrows: dict[str, frozenset[str]]) -> None:
    whole = {
        f"p.{name}": frozenset(f"p.{each}" for each in arrows.get(name, frozenset()) - {name})
        for name in "abcdef"
    }
    found = folder(whole, "p")
    left = {
        name: frozenset(each for each in targets if (name[2:], each[2:]) not in found.backward)
        for name, targets in whole.items()
    }
    assert folder(left, "p").circles == ()
    assert bool(found.circles) == bool(found.backward)


def test_a_module_named_in_an_import_is_found_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "p" / "q").mkdir(parents=True)
    (tmp_path / "p" / "__init__.py").write_text("")
    (tmp_path / "p" / "q" / "__init__.py").write_text("")
    (tmp_path / "p" / "q" / "deep.py").write_text("def late():\n    from p.q import name\n")
    (tmp_path / "p" / "one.py").write_text("from p.q import deep, name\nimport p.two\n")
    (tmp_path / "p" / "two.py").write_text("from .q.deep import late\n")
    found = import_graph(modules("p", tmp_path))
    assert found["p.one"] == {"p.q.deep", "p.two"}
    assert found["p.two"] == {"p.q.deep"}
    assert found["p.q.deep"] == {"p.q"}
