/// The report's style sheet: readable on a screen, light and dark, and on paper.
enum ReportStyle {
    static let css = """
        :root { --ink:#16202c; --soft:#5b6877; --line:#d9dfe6; --paper:#fff; --tint:#f4f6f9; --good:#1a7f4b; \
        --warn:#a15c00; --bad:#b3261e; --accent:#1f4e8c; }
        @media (prefers-color-scheme: dark) { :root { --ink:#e7ecf2; --soft:#9fb0c3; --line:#2c3847; --paper:#0f1720; \
        --tint:#17212c; --good:#53c98a; --warn:#f0b35a; --bad:#ff8a80; --accent:#8ab8ff; } }
        * { box-sizing:border-box }
        body { margin:0; background:var(--paper); color:var(--ink); font:15px/1.5 "DejaVu Sans",system-ui,sans-serif; }
        main { max-width:1080px; margin:0 auto; padding:32px 24px 64px }
        h1 { font-size:28px; line-height:1.2; margin:0 0 4px } h2 { font-size:19px; margin:40px 0 10px; \
        padding-bottom:4px; border-bottom:2px solid var(--line) }
        h3 { font-size:15px; margin:18px 0 4px }
        p { margin:6px 0 } .soft { color:var(--soft) } .small { font-size:13px }
        .verdict { margin:20px 0; padding:14px 18px; border-left:6px solid var(--accent); background:var(--tint) }
        .verdict.complete { border-color:var(--good) } .verdict.partial { border-color:var(--warn) }
        .verdict.nothing { border-color:var(--bad) }
        .tiles { display:flex; flex-wrap:wrap; gap:10px; margin:16px 0 }
        .tile { flex:1 1 140px; background:var(--tint); border:1px solid var(--line); border-radius:8px; padding:10px 14px }
        .tile b { display:block; font-size:22px; font-variant-numeric:tabular-nums } .tile span { color:var(--soft); font-size:13px }
        .scroll { overflow-x:auto }
        table { border-collapse:collapse; width:100%; margin:8px 0 4px; font-size:13.5px }
        th { text-align:left; color:var(--soft); font-weight:600; border-bottom:1px solid var(--line); padding:5px 8px; vertical-align:bottom }
        td { border-bottom:1px solid var(--line); padding:5px 8px; vertical-align:top }
        td.n, th.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap }
        td.zero { color:var(--soft) } .good { color:var(--good) } .warn { color:var(--warn) } .bad { color:var(--bad) }
        code, pre { font:12px/1.45 "DejaVu Sans Mono",ui-monospace,monospace; overflow-wrap:anywhere }
        pre { background:var(--tint); border:1px solid var(--line); padding:8px 10px; margin:4px 0 12px; white-space:pre-wrap; max-height:18em; overflow:auto }
        .badge { display:inline-block; min-width:5.5em; text-align:center; border:1px solid currentColor; border-radius:4px; padding:0 6px; font-size:12px }
        .bar { display:flex; height:12px; border-radius:3px; overflow:hidden; background:var(--line); min-width:120px }
        .bar i { display:block; height:100% } .b-proven { background:#1a7f4b } .b-intact { background:#3b82c4 } \
        .b-quarantined { background:#d08700 } .b-lost { background:#b3261e }
        .key span { margin-right:14px } .key i { display:inline-block; width:10px; height:10px; margin-right:5px; border-radius:2px }
        footer { margin-top:48px; border-top:1px solid var(--line); padding-top:10px; color:var(--soft); font-size:12.5px }
        @page { size:A4; margin:16mm 14mm 18mm; @bottom-right { content: counter(page) " / " counter(pages); font:9pt "DejaVu Sans"; color:#666 } }
        @media print { body { font-size:10pt; background:#fff; color:#000 } main { max-width:none; padding:0 } h2 { break-after:avoid; margin-top:22px } \
        tr, .tile, .verdict { break-inside:avoid } pre { max-height:none; font-size:8pt } table { font-size:8.5pt } td, th { padding:3px 5px } \
        .tile b { font-size:14pt } .scroll { overflow:visible } }
        """
}
