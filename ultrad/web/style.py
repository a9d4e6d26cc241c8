"""The page's style, and the policy that allows it and nothing else."""

import base64
import hashlib
from typing import Final

CSS: Final = """
:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#16202c;--dim:#5b6775;--line:#dde2e8;
--good:#0b7a3b;--warn:#a15c00;--bad:#c01c28;--goodbg:#e3f5ea;--warnbg:#fdf0d9;--badbg:#fde4e5}
@media(prefers-color-scheme:dark){:root{--bg:#10151b;--card:#19212a;--ink:#e8edf2;--dim:#98a5b3;--line:#2c3742;
--good:#5fd38d;--warn:#f2b04a;--bad:#ff7a7f;--goodbg:#12301f;--warnbg:#3a2a0d;--badbg:#451a1d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,"Hiragino Sans","Noto Sans JP","Noto Sans CJK JP",sans-serif;overflow-wrap:anywhere}
header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline;margin-bottom:.75rem}
h1{font-size:1.25rem;margin:0}h2{font-size:1rem;margin:0 0 .5rem}p{margin:.25rem 0}
header .env{padding:0 .6rem;border-radius:1rem;background:var(--ink);color:var(--bg);font-size:.85rem}
header time{margin-left:auto}a{color:inherit}
.dim,time,th,dt{color:var(--dim);font-size:.85rem}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;margin-bottom:.75rem}
.estop{border-width:2px;border-left-width:.6rem}.estop strong{display:block;font-size:2rem;line-height:1.2}
.estop ul,.plain{margin:.5rem 0 0;padding-left:1.2rem}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.estop.good{background:var(--goodbg);border-color:var(--good)}.estop.warn{background:var(--warnbg);
border-color:var(--warn)}.estop.bad{background:var(--badbg);border-color:var(--bad)}
.estop p,.estop li{color:var(--ink)}
.grid{display:grid;gap:.75rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));margin-bottom:.75rem}
.grid section{margin:0}
.hf{font-size:2rem;font-weight:700;line-height:1.2;font-variant-numeric:tabular-nums}
meter{width:100%;height:1.1rem}
dl{display:grid;grid-template-columns:1fr auto;gap:.1rem .75rem;margin:.5rem 0 0}
dd{margin:0;text-align:right;overflow-wrap:normal;font-variant-numeric:tabular-nums}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .75rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}th{font-weight:500;white-space:nowrap}
td.tight{white-space:nowrap}td.wide{width:99%}
@media(max-width:44rem){thead{display:none}tr{display:flex;flex-wrap:wrap;gap:0 1rem;padding:.4rem 0;
border-bottom:1px solid var(--line)}tr:last-child{border-bottom:0}td{border:0;padding:0}td:empty{display:none}
td.wide{width:auto;flex-basis:100%}
td.tight::before{content:attr(data-label) " ";color:var(--dim);font-size:.75rem}}
"""
_DIGEST = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_DIGEST}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
