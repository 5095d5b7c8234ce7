"""What the nodes of each tree-sitter grammar mean to us; data, so that no code asks for a language.

To add a grammar, add a row here, and a document to ``tests/document/test_syntax_languages.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_IDENTIFIERS = _set("identifier type_identifier field_identifier property_identifier")


@dataclass(frozen=True)
class NodeTypes:
    """The node types of one grammar, by what they are to us."""

    functions: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    """Whatever groups functions under a name: classes, traits, modules, namespaces."""
    namespaces: frozenset[str] = frozenset()
    """Those of the classes that may hold imports."""
    bodies: frozenset[str] = frozenset()
    """Nodes that hold the statements or members of one function, class or block."""
    containers: frozenset[str] = frozenset()
    """Further nodes whose named children are statements: the root, a case of a switch."""
    parts: frozenset[str] = frozenset()
    """Named children of bodies and containers that are no statements of their own."""
    imports: frozenset[str] = frozenset()
    import_calls: tuple[frozenset[str], str] = (frozenset(), "")
    """Statements that import by a call, and a pattern that their text then matches."""
    comments: frozenset[str] = field(default_factory=lambda: _set("comment"))
    strings: frozenset[str] = frozenset()
    interpolations: frozenset[str] = frozenset()
    """Code inside strings."""
    docstring_owners: frozenset[str] = frozenset()
    """Nodes whose first statement is a docstring if it is a string."""
    identifiers: frozenset[str] = _IDENTIFIERS
    openers: frozenset[str] = field(default_factory=lambda: _set("{"))
    """Tokens that begin a body."""
    heads: frozenset[str] = frozenset()
    """Nodes that have a body although it is none of their children, or is still empty."""
    head_line: str = ""
    """Pattern of a line that opens a body, for where the parser could not make it out."""
    function_line: tuple[str, ...] = ()
    """Patterns of what begins a function, with its ``name``, for where the parser sees errors."""
    class_line: tuple[str, ...] = ()
    """The same of a class."""
    unsafe_line: str = ""
    """Pattern of a line whose nesting overflows a fixed buffer in the grammar's scanner.

    Such a line crashes the process: YAML's and Markdown's keep some 250 levels in 1,024 bytes.
    """
    can_elide: bool = True
    """Whether a sibling statement may be left out of a parse without harm to the others."""


_NO_FUNCTION = (
    r"(?!(?:if|else|for|foreach|while|do|switch|match|try|catch|finally|return|new|throw|using"
    r"|lock|synchronized|with|case|elseif)\b|[}#*/])"
)
_C_FUNCTION = (_NO_FUNCTION + r"[^=;{}]*?(?P<name>~?\b\w+)\s*\([^;]*$",)
_C_CLASS = (
    r"[\w\s<>,@()\[\]:]*?\b(?:class|struct|interface|enum|record|union|namespace|trait)"
    r"\s+(?:class\s+)?(?P<name>[\w.:\\]+)[^;()=]*$",
)
_JS_FUNCTION = (
    _NO_FUNCTION + r"[^;]*?\bfunction\b\s*\*?\s*(?P<name>[\w$]*)\s*\(",
    _NO_FUNCTION + r"[^;]*?(?P<name>[\w$]*)\s*[=:]\s*(?:async\b\s*)?[^=;]*=>\s*\{?\s*$",
    _NO_FUNCTION + r"[^;=(]*?(?P<name>[\w$#]+)\s*(?:<[^(]*>)?\s*\([^;]*\{\s*$",
    _NO_FUNCTION + r"[^;]*(?P<name>)=>\s*\{?\s*$",
)

_JAVASCRIPT = NodeTypes(
    function_line=_JS_FUNCTION,
    class_line=_C_CLASS,
    functions=_set(
        "function_declaration generator_function_declaration function_expression"
        " generator_function arrow_function method_definition"
    ),
    classes=_set("class_declaration class"),
    bodies=_set("statement_block class_body switch_body class_static_block"),
    containers=_set("program switch_case switch_default"),
    parts=_set("switch_case switch_default decorator"),
    imports=_set("import_statement"),
    import_calls=(_set("lexical_declaration variable_declaration"), r"\brequire\s*\("),
    comments=_set("comment html_comment"),
    strings=_set("string template_string regex"),
    interpolations=_set("template_substitution"),
    identifiers=_IDENTIFIERS
    | _set(
        "private_property_identifier shorthand_property_identifier"
        " shorthand_property_identifier_pattern statement_identifier"
    ),
)

_TYPESCRIPT = NodeTypes(
    function_line=_JS_FUNCTION,
    class_line=_C_CLASS,
    functions=_JAVASCRIPT.functions
    | _set("function_signature method_signature abstract_method_signature"),
    classes=_JAVASCRIPT.classes
    | _set(
        "abstract_class_declaration interface_declaration enum_declaration internal_module module"
    ),
    bodies=_JAVASCRIPT.bodies | _set("interface_body enum_body object_type"),
    containers=_JAVASCRIPT.containers,
    parts=_JAVASCRIPT.parts,
    imports=_JAVASCRIPT.imports,
    import_calls=_JAVASCRIPT.import_calls,
    comments=_JAVASCRIPT.comments,
    strings=_JAVASCRIPT.strings,
    interpolations=_JAVASCRIPT.interpolations,
    identifiers=_JAVASCRIPT.identifiers,
)

_C = NodeTypes(
    function_line=_C_FUNCTION,
    class_line=_C_CLASS,
    functions=_set("function_definition"),
    classes=_set("struct_specifier union_specifier enum_specifier"),
    bodies=_set("compound_statement field_declaration_list enumerator_list"),
    containers=_set(
        "translation_unit case_statement preproc_if preproc_ifdef preproc_else preproc_elif"
    ),
    parts=_set("case_statement preproc_else preproc_elif preproc_defined identifier"),
    imports=_set("preproc_include"),
    strings=_set("string_literal char_literal system_lib_string"),
    identifiers=_IDENTIFIERS | _set("statement_identifier"),
)

_DEEP = r"(?m)^(?:[ \t]|>|[-*+?:](?=[ \t])|\d+[.)](?=[ \t])){150}"

_DATA_BODY = _set("object array")

NODE_TYPES: dict[str, NodeTypes] = {
    "python": NodeTypes(
        function_line=(r"(?:async\s+)?def\s+(?P<name>\w+)",),
        class_line=(r"class\s+(?P<name>\w+)",),
        functions=_set("function_definition"),
        classes=_set("class_definition"),
        bodies=_set("block"),
        containers=_set("module"),
        parts=_set("case_clause"),
        imports=_set("import_statement import_from_statement future_import_statement"),
        strings=_set("string"),
        interpolations=_set("interpolation"),
        docstring_owners=_set("module block"),
        identifiers=_set("identifier"),
        openers=_set(":"),
    ),
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "java": NodeTypes(
        function_line=_C_FUNCTION,
        class_line=_C_CLASS,
        functions=_set(
            "method_declaration constructor_declaration compact_constructor_declaration"
            " lambda_expression"
        ),
        classes=_set(
            "class_declaration interface_declaration enum_declaration record_declaration"
            " annotation_type_declaration"
        ),
        bodies=_set(
            "block class_body interface_body enum_body constructor_body switch_block"
            " annotation_type_body"
        ),
        containers=_set("program switch_block_statement_group enum_body_declarations"),
        parts=_set("switch_block_statement_group switch_label enum_body_declarations"),
        imports=_set("import_declaration package_declaration"),
        comments=_set("line_comment block_comment"),
        strings=_set("string_literal character_literal"),
        interpolations=_set("string_interpolation"),
    ),
    "c": _C,
    "cpp": NodeTypes(
        function_line=_C_FUNCTION,
        class_line=_C_CLASS,
        functions=_C.functions | _set("lambda_expression"),
        classes=_C.classes | _set("class_specifier namespace_definition"),
        namespaces=_set("namespace_definition"),
        bodies=_C.bodies | _set("declaration_list"),
        containers=_C.containers,
        parts=_C.parts | _set("access_specifier"),
        imports=_C.imports | _set("using_declaration import_declaration"),
        strings=_C.strings | _set("raw_string_literal"),
        identifiers=_C.identifiers | _set("namespace_identifier"),
    ),
    "go": NodeTypes(
        function_line=(r"func\b\s*(?:\([^)]*\)\s*)?(?P<name>\w*)",),
        class_line=(r"type\s+(?P<name>\w+)",),
        functions=_set("function_declaration method_declaration func_literal"),
        classes=_set("type_spec"),
        bodies=_set("block field_declaration_list interface_type"),
        containers=_set("source_file statement_list"),
        parts=_set("statement_list expression_case default_case type_case communication_case"),
        imports=_set("import_declaration package_clause"),
        strings=_set("interpreted_string_literal raw_string_literal rune_literal"),
        identifiers=_IDENTIFIERS | _set("package_identifier label_name"),
        heads=_set("expression_switch_statement type_switch_statement select_statement"),
    ),
    "rust": NodeTypes(
        function_line=(r"[^=;]*?\bfn\s+(?P<name>\w+)",),
        class_line=(
            r"[^=;]*?\b(?:impl|trait|struct|enum|union|mod)\b(?:<[^>]*>)?\s+(?:[\w:<>]+\s+for\s+)?(?P<name>\w+)",
        ),
        functions=_set("function_item function_signature_item closure_expression"),
        classes=_set(
            "impl_item trait_item struct_item enum_item union_item mod_item foreign_mod_item"
        ),
        bodies=_set("block declaration_list field_declaration_list enum_variant_list match_block"),
        containers=_set("source_file"),
        parts=_set("attribute_item inner_attribute_item"),
        imports=_set("use_declaration extern_crate_declaration"),
        comments=_set("line_comment block_comment"),
        strings=_set("string_literal raw_string_literal char_literal"),
        identifiers=_IDENTIFIERS | _set("shorthand_field_identifier"),
    ),
    "csharp": NodeTypes(
        function_line=_C_FUNCTION,
        class_line=_C_CLASS,
        functions=_set(
            "method_declaration constructor_declaration destructor_declaration"
            " local_function_statement lambda_expression anonymous_method_expression"
            " operator_declaration accessor_declaration"
        ),
        classes=_set(
            "class_declaration interface_declaration struct_declaration enum_declaration"
            " record_declaration namespace_declaration file_scoped_namespace_declaration"
        ),
        namespaces=_set("namespace_declaration file_scoped_namespace_declaration"),
        bodies=_set(
            "block declaration_list enum_member_declaration_list switch_body accessor_list"
        ),
        containers=_set("compilation_unit switch_section file_scoped_namespace_declaration"),
        parts=_set("switch_section constant_pattern attribute_list"),
        imports=_set("using_directive extern_alias_directive"),
        strings=_set(
            "string_literal verbatim_string_literal raw_string_literal character_literal"
            " interpolated_string_expression"
        ),
        interpolations=_set("interpolation"),
    ),
    "ruby": NodeTypes(
        function_line=(r"def\s+(?P<name>[\w.?!=]+)",),
        class_line=(r"(?:class|module)\s+(?P<name>[\w:]+)",),
        functions=_set("method singleton_method"),
        classes=_set("class module singleton_class"),
        bodies=_set("body_statement block_body then do begin_block end_block"),
        containers=_set("program else ensure begin block do_block"),
        parts=_set("rescue else ensure block_parameters"),
        import_calls=(_set("call"), r"^(require|require_relative|load|autoload)\b"),
        strings=_set("string regex heredoc_body string_array symbol_array subshell"),
        interpolations=_set("interpolation"),
        identifiers=_set(
            "identifier constant instance_variable class_variable global_variable hash_key_symbol"
        ),
        openers=_set("{ do then else begin ensure"),
        head_line=(
            r"(?!.*\bend$)(?:.*\bdo(?:\s*\|[^|]*\|)?"
            r"|(?:def|class|module|if|unless|while|until|for|when|elsif|rescue)\b.*)"
        ),
    ),
    "php": NodeTypes(
        function_line=(r"[^=;]*?\bfunction\b\s*&?(?P<name>\w*)",),
        class_line=_C_CLASS,
        functions=_set("function_definition method_declaration anonymous_function arrow_function"),
        classes=_set(
            "class_declaration interface_declaration trait_declaration enum_declaration"
            " namespace_definition"
        ),
        namespaces=_set("namespace_definition"),
        bodies=_set(
            "compound_statement declaration_list enum_declaration_list switch_block match_block"
            " colon_block"
        ),
        containers=_set("program case_statement default_statement"),
        parts=_set("case_statement default_statement php_tag text_interpolation text"),
        imports=_set("namespace_use_declaration"),
        import_calls=(_set("expression_statement"), r"^(require|include)(_once)?\b"),
        strings=_set("string encapsed_string heredoc nowdoc shell_command_expression"),
        identifiers=_set("name variable_name"),
        openers=_set("{ :"),
    ),
    "bash": NodeTypes(
        function_line=(r"(?:function\s+)?(?P<name>[\w-]+)\s*(?:\(\)|\{)",),
        functions=_set("function_definition"),
        bodies=_set("compound_statement do_group subshell"),
        containers=_set("program if_statement elif_clause else_clause case_item"),
        parts=_set("elif_clause else_clause word extglob_pattern test_operator"),
        import_calls=(_set("command"), r"^(source|\.)\s"),
        strings=_set("string raw_string ansi_c_string heredoc_body translated_string"),
        interpolations=_set("command_substitution expansion simple_expansion"),
        identifiers=_set("variable_name"),
        openers=_set("{ do then else"),
        can_elide=False,
    ),
    "lua": NodeTypes(
        function_line=(r"[^-]*?\bfunction\b\s*(?P<name>[\w.:]*)",),
        functions=_set("function_declaration function_definition"),
        bodies=_set("block"),
        containers=_set("chunk"),
        import_calls=(
            _set("variable_declaration assignment_statement function_call"),
            r"^(local\s+[\w, ]+=\s*)?require\b",
        ),
        strings=_set("string"),
        identifiers=_set("identifier"),
        openers=_set("do then else repeat"),
        head_line=r".*\bfunction\b[^()]*\([^()]*\)",
    ),
    "html": NodeTypes(
        containers=_set("document element"),
        parts=_set("start_tag end_tag text doctype self_closing_tag"),
        strings=_set("quoted_attribute_value"),
        identifiers=_set("tag_name attribute_name"),
        openers=frozenset(),
        can_elide=False,
    ),
    "css": NodeTypes(
        bodies=_set("block keyframe_block_list"),
        containers=_set("stylesheet"),
        imports=_set("import_statement charset_statement namespace_statement"),
        strings=_set("string_value"),
        identifiers=_set(
            "identifier class_name id_name tag_name property_name plain_value function_name"
        ),
    ),
    "json": NodeTypes(
        bodies=_DATA_BODY,
        containers=_set("document"),
        strings=_set("string"),
        identifiers=frozenset(),
        openers=_set("{ ["),
        can_elide=False,
    ),
    "yaml": NodeTypes(
        bodies=_set("block_mapping block_sequence flow_mapping flow_sequence"),
        containers=_set("stream"),
        parts=_set("document"),
        strings=_set("double_quote_scalar single_quote_scalar block_scalar"),
        identifiers=_set("anchor_name alias_name string_scalar"),
        openers=_set(": { ["),
        heads=_set("block_mapping_pair"),
        unsafe_line=_DEEP,
        can_elide=False,
    ),
    "toml": NodeTypes(
        bodies=_set("array inline_table"),
        containers=_set("document table table_array_element"),
        parts=_set("bare_key dotted_key quoted_key"),
        strings=_set("string"),
        identifiers=_set("bare_key"),
        openers=_set("[ {"),
        can_elide=False,
    ),
    "markdown": NodeTypes(
        containers=_set("document section list list_item block_quote"),
        parts=_set(
            "section list_marker_minus list_marker_plus list_marker_star list_marker_dot"
            " list_marker_parenthesis block_quote_marker block_continuation"
        ),
        comments=frozenset(),
        identifiers=frozenset(),
        unsafe_line=_DEEP,
        openers=frozenset(),
        can_elide=False,
    ),
}
"""By the grammar's name."""
