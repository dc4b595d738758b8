"""Formulas as models write them to students of mathematics, physics and chemistry: whole answers, with one or more."""

SAMPLES = (
    r"""
\(x^2 + y^2 = z^2\)
$E = mc^2$
$$\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}$$
\[ \sum_{n=1}^{\infty} \frac{1}{n^2} = \frac{\pi^2}{6} \]
$ x = 5 $
$ \alpha + \beta $
\( \ce{H2O} \)
$\ce{2H2 + O2 -> 2H2O}$
$\ce{CO2 + H2O <=> H2CO3}$
$\ce{Fe^3+ + 3OH- -> Fe(OH)3 v}$
$\ce{SO4^2-}$
$\ce{^{14}_{6}C -> ^{14}_{7}N + e-}$
$\ce{CH3COOH}$
$$\ce{N2 + 3H2 <=>[Fe] 2NH3}$$
$\ce{CaCO3 ->[\Delta] CaO + CO2 ^}$
$\ce{[Cu(NH3)4]^2+}$
$\ce{CuSO4 . 5H2O}$
$\boxed{42}$
$$\boxed{x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}}$$
$\boxed{\text{Answer: } 5}$
\begin{aligned} a &= b + c \\ &= d \end{aligned}
$$\begin{aligned} a &= b + c \\ &= d \end{aligned}$$
$f(x) = \begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}$
$\begin{pmatrix} a & b \\ c & d \end{pmatrix}$
$\begin{bmatrix} 1 & 0 & \cdots \\ 0 & 1 & \ddots \end{bmatrix}$
$\begin{vmatrix} a & b \\ c & d \end{vmatrix} = ad - bc$
$\left[\begin{array}{cc|c} 1 & 2 & 3 \\ 4 & 5 & 6 \end{array}\right]$
$\left(\begin{array}{ccc} 1 & 2 & 3 \end{array}\right)$
$v = 3.0 \times 10^8 \, \mathrm{m\,s^{-1}}$
$F = 9.81\,\mathrm{N/kg}$
$\text{kg} \cdot \text{m/s}^2$
$5\,\mathrm{\mu m}$
$\pu{1.5 mol L-1}$
$\pu{123 kJ/mol}$
$\SI{9.81}{m/s^2}$
$\SI{5}{\kilo\meter\per\second}$
$\qty{3.5}{\volt}$
$\si{\ohm}$
$\unit{\meter\per\second\squared}$
$\num{1.2e-3}$
$25^\circ\text{C}$
$25\,^{\circ}\mathrm{C}$
$25\degree$
$45°$
$\dfrac{dy}{dx} = \frac{\partial f}{\partial x}$
$\dv{f}{x}$
$\dv{x}$
$\pdv{f}{x}$
$\pdv[2]{f}{x}$
$\dv[2]{y}{x}$
$\dd x$
$\abs{x}$
$\norm{v}$
$\left\lVert v \right\rVert$
$\lVert v \rVert_2$
$\mathbb{R}^n$
$\mathcal{L}(\theta)$
$\mathfrak{g}$
$\mathscr{F}$
$\mathbf{F} = m\mathbf{a}$
$\boldsymbol{\beta}$
$\bm{x}$
$\vec{F} = q(\vec{E} + \vec{v} \times \vec{B})$
$\overrightarrow{AB}$
$\hat{H}\psi = E\psi$
$\widehat{\beta}$
$\langle \psi | \phi \rangle$
$\bra{\psi} \hat{A} \ket{\phi}$
$\braket{\psi|\phi}$
$\ket{0}$
$\ketbra{0}{1}$
$\expval{A}$
$\ev{A}$
$\mel{a}{B}{c}$
$\lim_{x \to 0} \frac{\sin x}{x} = 1$
$\oint_C \vec{B} \cdot d\vec{l} = \mu_0 I$
$\iint_D f \, dA$
$\iiint_V \nabla \cdot \vec{F} \, dV$
$\nabla \times \mathbf{E} = -\frac{\partial \mathbf{B}}{\partial t}$
$\binom{n}{k} = \frac{n!}{k!(n-k)!}$
$n! \sim \sqrt{2\pi n}\left(\frac{n}{e}\right)^n$
$\sqrt[3]{27} = 3$
$a \equiv b \pmod{n}$
$a \bmod b$
$\gcd(a, b)$
$\forall x \in \mathbb{R}, \exists y : x < y$
$A \subseteq B \cup C \cap D \setminus E$
$\emptyset \varnothing$
$x \notin A$
$a \neq b$
$a \not= b$
$p \land q \lor \lnot r \implies s \iff t$
$\underbrace{1 + 1 + \cdots + 1}_{n}$
$\overbrace{a+b}^{2}$
$\overset{!}{=}$
$\stackrel{\text{def}}{=}$
$\underset{x}{\arg\max}\, f(x)$
$\operatorname{argmax}_x f(x)$
$\operatorname*{arg\,min}_{\theta} L$
$\xrightarrow{\text{heat}}$
$A \xrightarrow[k_{-1}]{k_1} B$
$\rightleftharpoons$
$\xrightleftharpoons[k_{-1}]{k_1}$
$\cancel{x}$
$\cancelto{0}{x}$
$\bcancel{x}$
$\color{red}{x}$
$\textcolor{blue}{y}$
$\colorbox{yellow}{z}$
$\tag{1} x = y$
$$x = y \tag{1}$$
$$\begin{align} a &= b \tag{1} \\ c &= d \tag{2} \end{align}$$
$$\begin{equation} x = y \end{equation}$$
\begin{equation*} x^2 \end{equation*}
\begin{gather} a = b \\ c = d \end{gather}
\begin{multline} a + b \\ + c \end{multline}
\begin{cases} x + y = 1 \\ x - y = 3 \end{cases}
\begin{split} a &= b \\ &= c \end{split}
$$\left\{\begin{array}{l} x + y = 1 \\ x - y = 3 \end{array}\right.$$
$$\left.\frac{df}{dx}\right|_{x=0}$$
$\bigl( x \bigr)$
$\Big| x \Big|$
$\big\{ x \big\}$
$\text{Var}(X) = \mathbb{E}[X^2] - (\mathbb{E}[X])^2$
$X \sim \mathcal{N}(\mu, \sigma^2)$
$P(A \mid B) = \frac{P(B \mid A) P(A)}{P(B)}$
$\bar{x} \pm t_{\alpha/2} \frac{s}{\sqrt{n}}$
$\hat{y} = \beta_0 + \beta_1 x$
$\Pr(X \geq k) \leq e^{-k}$
$\perp\!\!\!\perp$
$\dot{x} = Ax, \ddot{x}$
$\tilde{x}, \widetilde{xyz}$
$\overline{AB} \parallel \overline{CD}$
$\angle ABC = 90^\circ$
$\triangle ABC \cong \triangle DEF$
$\ell, \hbar, \Re, \Im, \wp, \aleph_0$
$\epsilon \varepsilon \phi \varphi \theta \vartheta$
$x'$ and $f''(x)$
$f'(x_0)^2$
$x_1, x_2, \ldots, x_n$
$x_{i,j}^{(k)}$
$\prod_{i=1}^n x_i$
$\bigcup_{i} A_i$
$\lfloor x \rfloor \lceil y \rceil$
$\log_2 n, \ln x, \exp(x)$
$\sin^2\theta + \cos^2\theta = 1$
$\arcsin x \sinh x \sec x$
$\tr(A), \rank(A)$
$\mathrm{tr}(A^\top B)$
$A^T, A^{-1}, A^\dagger, A^*$
$\Delta G^\circ = -RT\ln K$
$\Delta G^{\ominus}$
$\mathrm{pH} = -\log_{10}[\mathrm{H^+}]$
$\mathrm{H_2SO_4}$
$[\text{OH}^-]$
$K_{sp}$
$\text{Na}^+ + \text{Cl}^- \rightarrow \text{NaCl}$
$^{238}_{92}\text{U}$
${}^{14}_{6}\mathrm{C}$
$\phantom{x}y$
$x\quad y\qquad z\;w\:v\,u\!t$
$a \; b$
$\hspace{1cm} x$
$\mathring{A}$
$\text{\AA}$
$5\,\text{Å}$
$\textbf{Answer}$
$\textit{italic}$
$\mathsf{P} \mathtt{x}$
$\texttt{code}$
$\text{cost is \$5}$
$\$5 + \$3 = \$8$
$50\%$
$\therefore x = 3$
$\because$
$\square \blacksquare \qed$
$\checkmark$
$\dots \cdots \vdots \ddots \ldots$
$\leqslant \geqslant \ll \gg \approx \simeq \propto$
$\mapsto \to \gets \longrightarrow \Rightarrow \Leftrightarrow \hookrightarrow$
$f: \mathbb{R} \to \mathbb{R}$
$f \colon X \to Y$
$x := 5$
$a|b$
$|x|$
$\|x\|$
$\{1, 2, 3\}$
$\left\{ x \mid x > 0 \right\}$
$\set{x}$
$\mathbb{1}_{A}$
$\mathds{1}$
$\bigoplus_{i} V_i \otimes W$
$\partial_t u = \nabla^2 u$
$\frac12$
$\frac{1}{2}mv^2$
$\tfrac{1}{2}$
$\cfrac{1}{1+\cfrac{1}{2}}$
${n \choose k}$
${a \over b}$
$\int\limits_a^b f$
$\sum\nolimits_i x$
$\displaystyle\sum_{i=1}^n i$
$\limsup_{n\to\infty} a_n$
$\substack{a \\ b}$
$$\sum_{\substack{i<n \\ j<m}} a_{ij}$$
$\begin{smallmatrix} a & b \end{smallmatrix}$
$$\begin{array}{|c|c|} \hline x & y \\ \hline 1 & 2 \\ \hline \end{array}$$
$$\begin{array}{r} 12 \\ +34 \\ \hline 46 \end{array}$$
$\longdiv{123}$
$\enclose{longdiv}{123}$
$\mathrm{d}x$
$\mathrm{sin}\,x$
$\mathrm{CH_3CH_2OH}$
$\mathrm{mol \cdot L^{-1}}$
$\mathrm{W/(m^2 \cdot K)}$
$\textrm{if } x$
$\textsf{abc}$
$\mbox{if }x$
$\hbox{if }x$
$\normalsize x$
$\large x$
$\rm d x$
$\bf x$
$\left( \frac{a}{b} \middle| c \right)$
$\intercal$
$\nicefrac{1}{2}$
$\sfrac{1}{2}$
$\eqref{eq:1}$
$\mathop{\mathrm{argmin}}\limits_x$
$\smash{x}$
$\rule{1em}{1em}$
$\underline{x}$
$\overleftarrow{x}$
$\grave{x}\acute{x}\check{x}\breve{x}$
$\not\in$
$\nmid \nsubseteq \ncong$
$\models \vdash \Vdash$
$\ulcorner x \urcorner$
$\eth \digamma$
$\llbracket x \rrbracket$
$\coloneqq$
$\xleftarrow{f}$
$\xLeftrightarrow{f}$
$\mathrel{+}=$
$\mathbin{\|}$
$a\,\&\,b$
$\#S$
$\_$
$x\_1$
$\text{a\_b}$
$\text{100\%}$
$\lt \gt \le \ge$
$x^{\prime}$
$\imath \jmath$
$\Bbb{R}$
$\cal{L}$
$\pmb{x}$
$\mathit{abc}$
$\operatorname{sgn}(x)$
$\argmax_x f$
$\argmin$
$\sgn(x)$
$\erf(x)$
$\Tr \rho$
$\grad f, \div F, \curl F$
$\laplacian$
$\order{n^2}$
$\vb{F}$
$\va{F}$
$\vu{n}$
$\comm{A}{B}$
$\qty(\frac{a}{b})$
$\eval{f}_0^1$
$\dotsb \dotsc \dotsi$
$\iddots$
$\textdegree$
$\celsius$
$\mu\text{m}$
$\textmu$
$\text{µm}$
$π r^2$
$x ≤ y$
$x² + y²$
$\text{速度} = \frac{\text{距離}}{\text{時間}}$
$\text{énergie}$
$1{,}234$
$1\,000$
$3{,}14$
$\vphantom{x}$
$\raisebox{1em}{x}$
$\mathllap{x}$
$\begin{matrix} a \\ b \end{matrix}$
$\begin{pmatrix*}[r] -1 & 2 \end{pmatrix*}$
$\begin{rcases} a \\ b \end{rcases}$
$\begin{alignedat}{2} a &= b & c &= d \end{alignedat}$
$\begin{dcases} a \\ b \end{dcases}$
$\begin{subarray}{c} a \\ b \end{subarray}$
\begin{align*} x &= 1 \\[6pt] y &= 2 \end{align*}
$$\begin{aligned} x &= 1 \\[2ex] y &= 2 \end{aligned}$$
$$\begin{bmatrix} 1 & 2 \\ 3 & 4 \\ \end{bmatrix}$$
""".strip().split("\n")
    + [
        "# Area $\\pi r^2$",
        "- first $a_1$, then\n  $$a_2$$",
        "1. Solve\n   \\[\n   x^2 = 1\n   \\]\n2. $x = \\pm 1$",
        "| f | f′ |\n|---|---|\n| $x^n$ | $nx^{n-1}$ |\n| $\\sin x$ | \\(\\cos x\\) |",
        "> Note $a^2$",
        "| P |\n|---|\n| $P(A|B)$ |",
        "It costs $5, not $10, so $x = 5$ holds.",
        "**$v_0$** and *$v_1$*",
        "where\n\\[\n\na = b\n\n\\]\nholds",
        "So \\begin{pmatrix}1\\\\2\\end{pmatrix} is it.",
        "the $n$th root",
        "函数$f(x)$在$x_0$处",
    ]
)
OUT_OF_REACH = [  # shown as they were written
    r"$\DeclareMathOperator{\rank}{rank} \rank A$",  # definitions could grow without end
    r"$\middle| x$",
    r"$\mqty(a & b \\ c & d)$",
    r"$\begin{CD} A @>>> B \end{CD}$",
    r"$\begin{tikzpicture} \draw (0,0) -- (1,1); \end{tikzpicture}$",
    r"$\chemfig{H-O-H}$",
    r"$\frac{1$",
    r"$\sfrac12$",
]
