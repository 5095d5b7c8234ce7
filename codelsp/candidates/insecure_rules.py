"""Code that is known to be insecure, by language: patterns, each with why.

The rules are narrow on purpose: each names a call together with what makes it dangerous.  They
follow what Bandit (for Python) and the queries of Semgrep and CodeQL (for the others) warn of.

Architecture invariant: pure data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A pattern that is insecure, and why."""

    reason: str
    """For people, with the weakness's number in the list of MITRE."""
    pattern: str
    hint: str
    """A word that stands in every text the pattern could fit, in lower case: looked for first."""


def _rule(reason: str, hint: str, pattern: str) -> Rule:
    return Rule(reason, pattern, hint)


# Up to the end of a call's arguments, as far as text can tell; never far.
_ARGS = r"[^;{}]{0,200}?"
_INPUT_PYTHON = r"(?:input\s*\(|request\.|sys\.argv|\.recv\(|\.body\b|environ)"
_SQL = r"(?:SELECT\s|INSERT\s+INTO\s|UPDATE\s|DELETE\s+FROM\s|DROP\s|ALTER\s)"
_CREDENTIAL = r"(?:password|passwd|passphrase|\bpwd)"
_PLACEHOLDER = (
    r"(?:password|passwd|secret|token|changeme|change_me|example|your[-_ ]|xxx|\*\*\*|test|dummy"
    r"|none|null|true|false|username|user|field|str|text|string|input|hidden|off|on|basic|bearer)"
)
_HARD_CODED = _rule(
    "a password in the code (CWE-259)",
    "pass",
    rf"""\b\w*{_CREDENTIAL}\d?["']?\s*(?::\s*str\s*)?(?:=(?![=>])|:(?!:)|=>)\s*["'](?!{_PLACEHOLDER})"""
    r"""[^\s"'{}<>$%/]{6,}["']""",
)

_PYTHON = (
    _rule("eval or exec of input (CWE-95)", "(", rf"\b(?:eval|exec)\s*\({_ARGS}{_INPUT_PYTHON}"),
    _rule(
        "a shell command put together from values (CWE-78)",
        "shell",
        r"\b(?:run|call|Popen|check_output|check_call|getoutput)\s*\(\s*"
        r"(?:f[\"']|[\"'][^\"'\n]*[\"']\s*(?:%|\+|\.format)|\w+\s*\+)[\s\S]{0,200}?shell\s*=\s*True",
    ),
    _rule(
        "a shell command put together from values (CWE-78)",
        "os.",
        r"\bos\.(?:system|popen)\s*\(\s*(?:f[\"'][^\"'\n]*\{|[\"'][^\"'\n]*[\"']\s*(?:%|\+|\.format)"
        r"|\w+\s*\+)",
    ),
    _rule(
        "yaml.load makes any object that the file asks for (CWE-502); use yaml.safe_load",
        "yaml.load",
        r"\byaml\.load(?:_all)?\s*\((?![^\n]*(?:Safe|Base)Loader)[^\n]*\)",
    ),
    _rule(
        "MD5 and SHA-1 do not protect passwords (CWE-916)",
        "pass",
        rf"\b(?:md5|sha1)\s*\([^)\n]*{_CREDENTIAL}|\bnew\(\s*[\"'](?:md5|sha1)[\"'][^)\n]*{_CREDENTIAL}"
        rf"|{_CREDENTIAL}\w*\s*=\s*[^\n]*\b(?:md5|sha1)\s*\(",
    ),
    _rule(
        "certificates are not checked (CWE-295)",
        "",
        r"\bverify\s*=\s*False\b|\b_create_unverified_context\b|\bcheck_hostname\s*=\s*False\b"
        r"|\bverify_mode\s*=\s*ssl\.CERT_NONE\b|\bAutoAddPolicy\b",
    ),
    _rule(
        "a signature is not checked (CWE-347)",
        "verify_signature",
        r"[\"']verify_signature[\"']\s*:\s*False",
    ),
    _rule(
        "pickles from elsewhere run any code (CWE-502)",
        "load",
        r"\b(?:pickle|cPickle|dill|marshal|jsonpickle)\.(?:loads?|decode)\s*\("
        rf"{_ARGS}(?:recv|request|response|sock|urlopen|\.content\b|\.body\b|\.data\b|payload)",
    ),
    _rule(
        "SQL put together from values (CWE-89)",
        "execute",
        rf"\bexecute(?:many|script)?\s*\(\s*(?:f[\"']{{1,3}}\s*{_SQL}[^\"]*?\{{"
        rf"|[\"']{{1,3}}\s*{_SQL}[^\"]*?[\"']{{1,3}}\s*(?:%\s*[\w(]|\+|\.format\s*\())",
    ),
    _rule(
        "the name may be taken by another in between (CWE-377)",
        "mktemp",
        r"\btempfile\.mktemp\s*\(",
    ),
    _rule(
        "the debugger is open to whoever comes (CWE-489)",
        "debug",
        r"\bapp\.run\([^)\n]*debug\s*=\s*True",
    ),
    _rule(
        "random is predictable (CWE-330); use secrets",
        "random.",
        rf"\b\w*(?:token|secret|nonce|otp|session_id|{_CREDENTIAL})\w*\s*=\s*[^\n]*"
        r"(?<!secrets\.)\brandom\.(?:choices?|randint|random|randrange|sample|getrandbits)\s*\(",
    ),
)
_JAVASCRIPT = (
    _rule(
        "eval of input (CWE-95)",
        "(",
        rf"\b(?:eval|new\s+Function)\s*\({_ARGS}"
        r"(?:\breq\.|request\.|location\.|prompt\(|process\.argv"
        r"|\.value\b|\.search\b|\.hash\b)",
    ),
    _rule(
        "a shell command put together from values (CWE-78)",
        "exec",
        r"(?:(?<![.\w])|\bchild_process\.|\bcp\.)exec(?:Sync)?\s*\(\s*(?:`[^`]*\$\{|[\"'][^\"'\n]*[\"']\s*\+)",
    ),
    _rule(
        "HTML put together from values (CWE-79)",
        "",
        r"\.(?:innerHTML|outerHTML)\s*\+?=\s*(?:`[^`]*\$\{|[\"'][^\"'\n]*[\"']\s*\+|location|req\.)"
        r"|\bdocument\.write(?:ln)?\s*\([^)\n]*(?:\+|\$\{|location)",
    ),
    _rule(
        "MD5 and SHA-1 do not protect passwords (CWE-916)",
        "pass",
        rf"createHash\(\s*[\"'](?:md5|sha1)[\"']\s*\)[\s\S]{{0,40}}?{_CREDENTIAL}",
    ),
    _rule(
        "certificates are not checked (CWE-295)",
        "re",
        r"\brejectUnauthorized\s*:\s*false\b|NODE_TLS_REJECT_UNAUTHORIZED[\"'\]]*\s*=\s*[\"']?0",
    ),
    _rule(
        "SQL put together from values (CWE-89)",
        "(",
        rf"\b(?:query|execute|raw)\s*\(\s*(?:`\s*{_SQL}[^`]*\$\{{|[\"']\s*{_SQL}[^\"'\n]*[\"']\s*\+)",
    ),
    _rule(
        "Math.random is predictable (CWE-330); use crypto",
        "math.random",
        rf"\b\w*(?:token|secret|nonce|otp|sessionId|{_CREDENTIAL})\w*\s*=\s*[^\n]*\bMath\.random\s*\(",
    ),
    _HARD_CODED,
)
_JAVA = (
    _rule(
        "a command put together from values (CWE-78)",
        "exec",
        r"\bgetRuntime\(\)\.exec\s*\(\s*(?:\"[^\"\n]*\"\s*\+|\w+\s*\+)",
    ),
    _rule(
        "SQL put together from values (CWE-89)",
        "(",
        r"\b(?:execute(?:Query|Update)?|prepareStatement|createQuery|createNativeQuery)\s*\(\s*"
        rf"\"\s*{_SQL}[^\"\n]*\"\s*\+",
    ),
    _rule(
        "MD5 and SHA-1 do not protect passwords (CWE-916)",
        "getinstance",
        rf"{_CREDENTIAL}[\s\S]{{0,300}}?MessageDigest\.getInstance\(\s*\"(?:MD5|SHA-?1)\""
        rf"|MessageDigest\.getInstance\(\s*\"(?:MD5|SHA-?1)\"[\s\S]{{0,200}}?{_CREDENTIAL}",
    ),
    _rule(
        "objects from elsewhere may run any code (CWE-502)",
        "objectinputstream",
        r"\bnew\s+ObjectInputStream\s*\([^)\n]*(?:socket|request|getInputStream)",
    ),
    _rule(
        "certificates are not checked (CWE-295)",
        "hostname",
        r"\b(?:ALLOW_ALL_HOSTNAME_VERIFIER|NoopHostnameVerifier|AllowAllHostnameVerifier)\b",
    ),
    _rule(
        "a cipher that is broken (CWE-327)",
        "cipher",
        r"Cipher\.getInstance\(\s*\"(?:DES|RC4|[^\"]*/ECB)",
    ),
    _HARD_CODED,
)
_C = (
    _rule("gets cannot know where its buffer ends (CWE-242)", "gets", r"(?<![\w.>])gets\s*\("),
    _rule("a text of any length (CWE-120)", "scanf", r"\bf?scanf\s*\([^;\n]*\"[^\"]*%s"),
    _rule(
        "a text of any length (CWE-120)",
        "argv",
        r"\b(?:strcpy|strcat|sprintf)\s*\([^;\n]*\bargv\[",
    ),
    _rule(
        "a format that comes from elsewhere (CWE-134)",
        "printf",
        r"(?<![\w.>])printf\s*\(\s*(?:argv\[\d\]|\w*(?:input|buf|buffer|line|msg|message))\s*\)",
    ),
    _rule(
        "a command that comes from elsewhere (CWE-78)",
        "system",
        r"(?<![\w.>])system\s*\("
        r"\s*(?:argv\[|\w*(?:input|cmd|buf)\w*\s*(?:\)|\.|\+))",
    ),
    _HARD_CODED,
)
_GO = (
    _rule(
        "a shell command put together from values (CWE-78)",
        "command",
        r"exec\.Command(?:Context)?\s*\([^;\n]*\"-c\"\s*,"
        r"\s*(?:fmt\.Sprintf|\"[^\"\n]*\"\s*\+|\w+\s*\+)",
    ),
    _rule(
        "certificates are not checked (CWE-295)",
        "insecureskipverify",
        r"\bInsecureSkipVerify\s*:\s*true\b",
    ),
    _rule(
        "SQL put together from values (CWE-89)",
        "(",
        rf"\.(?:Query|QueryRow|Exec)(?:Context)?\s*\([^;\n]*(?:fmt\.Sprintf\s*\(\s*[\"`]\s*{_SQL}"
        rf"|[\"`]\s*{_SQL}[^\"`\n]*[\"`]\s*\+)",
    ),
    _rule(
        "MD5 and SHA-1 do not protect passwords (CWE-916)",
        "sum",
        rf"\b(?:md5|sha1)\.Sum\s*\([^;\n]*{_CREDENTIAL}",
    ),
    _HARD_CODED,
)
_RUST = (
    _rule(
        "certificates are not checked (CWE-295)",
        "danger_accept",
        r"\bdanger_accept_invalid_(?:certs|hostnames)\s*\(\s*true",
    ),
    _rule(
        "a shell command put together from values (CWE-78)",
        "-c",
        r"Command::new\(\s*\"(?:sh|bash)\"\s*\)[\s\S]{0,80}?\"-c\"[\s\S]{0,40}?format!",
    ),
    _rule(
        "SQL put together from values (CWE-89)",
        "format!",
        rf"\b(?:query|execute|query_as)\w*\s*\([^;\n]*format!\s*\(\s*\"\s*{_SQL}",
    ),
    _HARD_CODED,
)
_PHP = (
    _rule("eval of input (CWE-95)", "eval", r"\beval\s*\([^;\n]*\$_(?:GET|POST|REQUEST|COOKIE)"),
    _rule(
        "a command put together from values (CWE-78)",
        "(",
        r"\b(?:system|exec|shell_exec|passthru)\s*\([^;\n]*\$_(?:GET|POST|REQUEST)",
    ),
    _rule(
        "SQL put together from values (CWE-89)",
        "query",
        rf"query\s*\([^;\n]*\"\s*{_SQL}[^\"\n]*(?:\$\w|\"\s*\.)",
    ),
    _rule(
        "objects from elsewhere may run any code (CWE-502)",
        "unserialize",
        r"\bunserialize\s*\(\s*\$_",
    ),
    _rule(
        "MD5 and SHA-1 do not protect passwords (CWE-916)",
        "pass",
        rf"\b(?:md5|sha1)\s*\(\s*\$\w*{_CREDENTIAL}",
    ),
    _rule(
        "HTML put together from values (CWE-79)",
        "echo",
        r"\becho\b[^;\n]*(?<!htmlspecialchars\()\$_(?:GET|POST|REQUEST)\[",
    ),
    _HARD_CODED,
)
_RUBY = (
    _rule("eval of input (CWE-95)", "eval", r"\beval\s*\(?[^\n]*\bparams\["),
    _rule(
        "a command put together from values (CWE-78)", "system", r"\bsystem\s*\(?\s*\"[^\"\n]*#\{"
    ),
    _rule(
        "YAML.load makes any object (CWE-502)",
        "yaml.load",
        r"\bYAML\.load\s*\([^\n]*(?:params|request|body)",
    ),
    _rule(
        "SQL put together from values (CWE-89)",
        "#{",
        r"\.(?:where|execute|find_by_sql)\s*\(?\s*"
        rf"\"[^\"\n]*(?:{_SQL}|=)[^\"\n]*#\{{",
    ),
    _rule("certificates are not checked (CWE-295)", "verify_none", r"\bVERIFY_NONE\b"),
    _HARD_CODED,
)
_CSHARP = (
    _rule(
        "SQL put together from values (CWE-89)",
        "(",
        r"(?:SqlCommand|ExecuteSqlRaw|FromSqlRaw)\s*\(\s*"
        rf"(?:\$\"\s*{_SQL}[^\"\n]*\{{|\"\s*{_SQL}[^\"\n]*\"\s*\+)",
    ),
    _rule(
        "objects from elsewhere may run any code (CWE-502)",
        "binaryformatter",
        r"\bnew\s+BinaryFormatter\s*\(",
    ),
    _rule(
        "certificates are not checked (CWE-295)",
        "certificate",
        r"\bServerCertificate\w*Callback\s*\+?=\s*[^;\n]*=>\s*true\b"
        r"|DangerousAcceptAnyServerCertificateValidator",
    ),
    _HARD_CODED,
)
_SHELL = (
    _rule(
        "runs whatever the server sends (CWE-494)",
        "|",
        r"\b(?:curl|wget)\b[^\n|]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
    ),
    _rule(
        "certificates are not checked (CWE-295)", "curl", r"\bcurl\b[^\n|]*\s(?:-k|--insecure)\b"
    ),
    _rule("anybody may write it (CWE-732)", "chmod", r"\bchmod\s+(?:-R\s+)?0?777\b"),
)

RULES: dict[str, tuple[Rule, ...]] = {
    "python": (*_PYTHON, _HARD_CODED),
    **dict.fromkeys(
        ("javascript", "javascriptreact", "typescript", "typescriptreact"), _JAVASCRIPT
    ),
    "java": _JAVA,
    "c": _C,
    "cpp": _C,
    "go": _GO,
    "rust": _RUST,
    "php": _PHP,
    "ruby": _RUBY,
    "csharp": _CSHARP,
    "shellscript": _SHELL,
}
"""By language id."""
