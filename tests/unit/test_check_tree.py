"""The text of PostgreSQL's parse trees, read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantdb.check.spelling import replaced, spelled_out
from quantdb.check.tree import (
    Node,
    TreeError,
    calls,
    command,
    only,
    parsed,
    walk,
    writes,
)

VAR = "{VAR :varno 1 :varattno 2 :varlevelsup 0 :location -1}"


def _node(text: str) -> Node:
    node = only(parsed(text))
    assert node is not None
    return node


def test_a_node_has_a_name_and_fields() -> None:
    node = _node(f"{{TARGETENTRY :expr {VAR} :resno 1 :resname price :resjunk false :other <>}}")
    assert node.name == "TARGETENTRY"
    assert node.integer("resno") == 1
    assert node.text("resname") == "price"
    assert not node.flag("resjunk")
    assert not node.has("other")
    assert node.maybe("other") is None
    assert node.child("expr").integer("location") == -1


def test_lists_are_of_nodes_of_numbers_and_of_names() -> None:
    node = _node(f'{{X :a ({VAR} {VAR}) :b (i 1 2) :c (o 3) :d (b) :e <> :f ("i" "x\\ y")}}')
    assert [each.name for each in node.children("a")] == ["VAR", "VAR"]
    assert node.integers("b") == (1, 2)
    assert node.integers("c") == (3,)
    assert node.integers("d") == ()
    assert node.children("e") == ()
    assert node.items("e") == ()
    assert node.items("f") == ("i", "x y")


def test_a_datum_is_its_bytes() -> None:
    node = _node("{CONST :constisnull false :constvalue 4 [ 1 0 -1 -128 ] :location 5}")
    assert node.fields["constvalue"] == b"\x01\x00\xff\x80"
    assert node.integer("location") == 5


def test_a_field_that_this_server_does_not_have_may_have_a_default() -> None:
    node = _node(VAR)
    assert node.integer("varreturningtype", 0) == 0
    assert not node.flag("varnothing")
    assert node.children("varnothing") == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [("RTE", "RANGETBLENTRY"), ("CASE", "CASEEXPR"), ("WHEN", "CASEWHEN"), ("ROW", "ROWEXPR")],
)
def test_the_names_of_older_servers_are_those_of_newer(old: str, new: str) -> None:
    assert new == _node(f"{{{old} :x 1}}").name
    assert new == _node(f"{{{new} :x 1}}").name


def _written(text: str) -> str:
    """Write a name as PostgreSQL's outToken does."""
    if not text:
        return '""'
    first = "\\" if text[0] in '<"' or text[0].isdigit() or text[0] in "+-" else ""
    return first + "".join(f"\\{each}" if each in " \n\t(){}\\" else each for each in text)


@given(name=st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_any_name_is_read_as_it_was(name: str) -> None:
    node = _node(f"{{A :resname {_written(name)} :resno 1}}")
    assert name == node.text("resname")
    assert node.integer("resno") == 1
    assert (name,) == _node(f'{{A :names ("{_written(name)}")}}').items("names")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{VAR",
        "{VAR :varno",
        "(",
        "(i 1",
        ")",
        "{VAR :x 1)",
        "{VAR 1}",
        "1 2",
        "{A :x 1 [ 2",
    ],
)
def test_what_is_no_tree_is_refused(text: str) -> None:
    with pytest.raises(TreeError):
        parsed(text)


@pytest.mark.parametrize("method", ["text", "integer", "child", "maybe", "children", "integers"])
def test_a_field_that_is_something_else_is_an_error_that_names_it(method: str) -> None:
    node = _node('{QUERY :text (1) :integer x :child 1 :maybe 1 :children 1 :integers ("x")}')
    with pytest.raises(TreeError, match=rf"QUERY\.{method} is not"):
        getattr(node, method)(method)


def test_a_field_that_is_missing_is_an_error_that_names_it() -> None:
    with pytest.raises(TreeError, match="VAR has no field nothing"):
        _node(VAR).text("nothing")


def test_a_walk_meets_every_node_outer_ones_first() -> None:
    tree = parsed(f"(({{A :x {{B :y ({VAR} {{C}})}} :z {{D}}}}))")
    assert [node.name for node in walk(tree)] == ["A", "B", "VAR", "C", "D"]


def test_a_tree_may_be_deeper_than_the_stack() -> None:
    depth = 50_000
    tree = parsed("{A :x " * depth + "1" + "}" * depth)
    assert depth == sum(1 for _node in walk(tree))


def test_what_is_replaced_is_not_looked_into() -> None:
    def by(node: Node) -> Node | None:
        return Node("NEW", {"old": node}) if node.name == "VAR" else None

    made = only(replaced(parsed(f"{{A :x ({VAR} {{B :y {VAR}}}) :z 1}}"), by))
    assert made is not None
    assert [node.name for node in walk(made)] == ["A", "NEW", "VAR", "B", "NEW", "VAR"]
    assert made.text("z") == "1"


def _case(subject: str, condition: str) -> str:
    return (
        f"{{CASEEXPR :arg {subject} :args ({{CASEWHEN :expr {condition} :result {{ONE}}}})"
        " :defresult {TWO}}"
    )


def test_the_subject_of_a_case_is_put_into_its_conditions() -> None:
    inner = _case("{INNER}", "{OPEXPR :args ({CASETESTEXPR} {X})}")
    made = spelled_out(_node(_case("{OUTER}", f"{{OPEXPR :args ({{CASETESTEXPR}} {inner})}}")))
    assert made.maybe("arg") is None
    condition = made.children("args")[0].child("expr")
    outer, nested = condition.children("args")
    assert outer.name == "OUTER"
    subject, other = nested.children("args")[0].child("expr").children("args")
    assert (subject.name, other.name) == ("INNER", "X")


def test_a_case_without_a_subject_stays_as_it_is() -> None:
    tree = _node(_case("<>", "{VAR :varno 1}"))
    assert tree is spelled_out(tree)


def test_calls_are_those_of_functions_operators_casts_and_aggregates() -> None:
    tree = _node(
        "{QUERY :a ({FUNCEXPR :funcid 1 :args ({OPEXPR :opfuncid 2 :args <>})}"
        " {AGGREF :aggfnoid 3} {WINDOWFUNC :winfnoid 4} {SCALARARRAYOPEXPR :opfuncid 5})}"
    )
    assert list(calls(tree)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "select"), (2, "update"), (3, "insert"), (4, "delete"), (5, "merge")],
)
def test_a_command_has_a_name_and_writes_unless_it_reads(number: int, name: str) -> None:
    tree = _node(f"{{QUERY :commandType {number}}}")
    assert name == command(tree)
    assert (name != "select") == writes(tree)


def test_a_statement_writes_if_a_cte_does() -> None:
    cte = "{COMMONTABLEEXPR :ctequery {QUERY :commandType 4}}"
    tree = _node(f"{{QUERY :commandType 1 :cteList ({cte})}}")
    assert command(tree) == "select"
    assert writes(tree)


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(TreeError, match="command 9"):
        command(_node("{QUERY :commandType 9}"))
