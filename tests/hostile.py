"""Sixty texts that a name can be, and that nothing may obey: not a browser, not a terminal, not a spreadsheet."""

SCRIPTS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<details open ontoggle=alert(1)>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' autofocus onfocus='alert(1)",
    "` onload=alert(1) `",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>click</a>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example/a.css>",
    "<style>*{display:none}</style>",
)
MARKUP = (
    "</td></tr></table><h1>end</h1>",
    "</title></head><body>",
    "<!-- comment",
    "--><b>after</b>",
    "<![CDATA[<b>]]>",
    "<plaintext>",
    "<template><b>",
    "<textarea>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;b&#62;",
    "\\u003cscript\\u003e",
)
TEMPLATES = ("{{ 7 * 7 }}", "{% for x in y %}", "{# comment", "${7*7}", "%(name)s %s {0}", "[bold red]markup[/]")
WRITING = (
    "\u202eright to left",
    "\u2066isolated\u2069",
    "\u0634\u0631\u0643\u0629 \u0627\u0644\u0639\u0631\u0628",
    "zero\u200bwidth\u200djoined\ufeff",
    "line\u2028separator\u2029s",
    "\U0001f4a9\U0001f468\u200d\U0001f469\u200d\U0001f467 emoji",
    "Z\u0351\u036b\u0343a\u0310\u0313l\u036cg\u0360o\u0321",
    "\u6771\u4eac\u8a3c\u5238\u53d6\u5f15\u6240\u682a\u5f0f\u4f1a\u793e",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
)
CONTROLS = (
    "nul\x00byte",
    "\x07bell",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J cleared",
    "two\nlines",
    "back\b\b\bspace",
    "\x7fdelete",
)
PATHS = ("../../../etc/passwd", "/dev/null", "C:\\CON", "file:///etc/passwd", "a/b")
FORMULAS = (
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    '=HYPERLINK("http://evil.example","x")',
)
LONG = "W" * 10_000

TEXTS = (*SCRIPTS, *MARKUP, *TEMPLATES, *WRITING, *CONTROLS, *PATHS, *FORMULAS, LONG)
