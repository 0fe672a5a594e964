/// The daily report as one page of HTML, for the screen, for paper and for WeasyPrint. Everything that is not ours is escaped.
struct DailyHTML {
    let figures: DailyFigures
    /// When it was made, as people read it.
    let made: String
    var words = DailyWords.french

    func page() -> String {
        let day = words.day(figures.day)
        var out = """
            <!DOCTYPE html>
            <html lang="\(words.language)"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <title>\(words.title(day))</title><style>\(Self.css)</style></head><body><main>
            <header><p class="kicker">DigitalBank · \(words.kicker)</p><h1>\(day.prefix(1).uppercased())\(day.dropFirst())</h1>
            <p class="soft">\(words.made(Self.escaped(made)))</p></header>

            """
        out += "<div class=\"tiles\">" + tiles() + "</div>\n"
        out += "<section><h2>\(words.thirtyDays)</h2>" + chart() + "</section>\n"
        for section in figures.sections { out += self.section(section) }
        out += "<section><h2>\(words.detail)</h2><div class=\"pair\">"
        for table in figures.tables { out += self.table(table) }
        out += "</div></section>\n"
        out += """
            <footer>\(words.footer)</footer>
            </main></body></html>

            """
        return out
    }

    private func tiles() -> String {
        let names = [
            "nombre_operations", "montant_operations", "nombre_alertes", "fraude_arretee", "incidents_ouverts",
            "taux_de_sauvegarde",
        ]
        let lines = figures.sections.flatMap(\.lines)
        return names.compactMap { name in lines.first { $0.measure.name == name } }.map { line in
            let change = words.change(line.value, line.before)
            return "<div class=\"tile\"><span>\(Self.escaped(words.name(line.measure)))</span><b>"
                + "\(words.figure(line.value, unit: line.measure.unit))</b>"
                + "<small>\(change.map { words.against($0) } ?? words.noComparison)</small></div>"
        }.joined()
    }

    private func section(_ section: DailyFigures.Section) -> String {
        var out = """
            <section><h2>\(Self.escaped(words.heading(section.title)))</h2><table><thead><tr><th>\(words.heads[0])</th>\
            <th class="n">\(words.heads[1])</th><th class="n">\(words.heads[2])</th><th class="n">\(words.heads[3])</th>\
            <th class="n">\(words.heads[4])</th></tr></thead><tbody>
            """
        for line in section.lines {
            let unit = line.measure.unit
            out += "<tr><td>\(Self.escaped(words.name(line.measure)))</td>"
            out += "<td class=\"n strong\">\(words.figure(line.value, unit: unit))</td>"
            out += "<td class=\"n\">\(words.figure(line.before, unit: unit))</td>"
            out += "<td class=\"n soft\">\(words.change(line.value, line.before) ?? "–")</td>"
            out += "<td class=\"n\">\(words.figure(line.weekBefore, unit: unit))</td></tr>\n"
        }
        return out + "</tbody></table></section>\n"
    }

    private func table(_ table: DailyFigures.Table) -> String {
        var out = "<div class=\"half\"><h3>\(Self.escaped(words.heading(table.title)))</h3>"
        guard !table.rows.isEmpty else { return out + "<p class=\"soft\">\(words.nothing)</p></div>" }
        let largest = table.rows.map { Double($0.value ?? "") ?? 0 }.max() ?? 0
        out +=
            "<table><thead><tr><th>\(Self.escaped(words.heading(table.head)))</th><th></th><th class=\"n\">"
            + "\(Self.escaped(words.name(table.measure)))</th></tr></thead><tbody>"
        for row in table.rows {
            let share = largest > 0 ? max(0, (Double(row.value ?? "") ?? 0) / largest) : 0
            out += "<tr><td>\(Self.escaped(row.by.compactMap { $0 }.joined(separator: ", ")))</td>"
            out += "<td class=\"barcell\"><i style=\"width:\(Int((share * 100).rounded()))%\"></i></td>"
            out += "<td class=\"n\">\(words.figure(row.value, unit: table.measure.unit))</td></tr>\n"
        }
        return out + "</tbody></table></div>"
    }

    /// Operations of thirty days as bars, the day itself marked, with the table in its title.
    private func chart() -> String {
        let values = figures.series.map { Double($0.value) ?? 0 }
        let largest = max(values.max() ?? 0, 1)
        var bars = ""
        for (index, value) in values.enumerated() {
            let height = Int((value / largest * 120).rounded())
            let day = figures.series[index].day
            let fill = index == values.count - 1 ? "#1f4e8c" : day.weekday > 4 ? "#dbe1e8" : "#a9c1de"
            let place = 66 + index * 21
            bars += "<rect fill=\"\(fill)\" x=\"\(place)\" y=\"\(130 - height)\" width=\"16\" height=\"\(height)\">"
            bars += "<title>\(words.day(day))\(words.colon)"
            bars += "\(words.figure(figures.series[index].value, unit: "nombre"))</title></rect>"
            if (values.count - 1 - index) % 7 == 0 {
                bars += Self.label(place + 8, 146, "middle", words.shortDay(day))
            }
        }
        let top = words.figure("\(Int(largest))", unit: "nombre")
        return """
            <figure><svg viewBox="0 0 710 152" role="img" aria-label="\(words.chartLabel)">\
            <line x1="62" y1="130" x2="704" y2="130" stroke="#8a97a6"/>\
            <line x1="62" y1="10" x2="704" y2="10" stroke="#dbe1e8"/>\
            \(Self.label(56, 14, "end", top))\(Self.label(56, 133, "end", "0"))\(bars)</svg>\
            <figcaption>\(words.chartCaption)</figcaption></figure>
            """
    }

    /// Text with its colour and size as attributes: WeasyPrint gives style sheets no say inside a picture.
    private static func label(_ x: Int, _ y: Int, _ anchor: String, _ text: String) -> String {
        "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\" font-size=\"10\" fill=\"#5b6877\">\(text)</text>"
    }

    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case _ where scalar.value < 32 || (127...159).contains(scalar.value): out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    static let css = """
        :root{--ink:#14202e;--soft:#5b6877;--line:#dbe1e8;--paper:#fff;--tint:#f4f6f9;--accent:#1f4e8c;--light:#a9c1de}
        @media (prefers-color-scheme:dark){:root{--ink:#e7ecf2;--soft:#9fb0c3;--line:#2c3847;--paper:#0f1720;--tint:#17212c;\
        --accent:#8ab8ff;--light:#3c5878}}
        *{box-sizing:border-box} body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 "DejaVu Sans",system-ui,sans-serif}
        main{max-width:960px;margin:0 auto;padding:28px 20px 48px} h1{font-size:28px;line-height:1.2;margin:0 0 4px}
        h2{font-size:18px;margin:28px 0 8px;padding-bottom:4px;border-bottom:2px solid var(--accent)} h3{font-size:14px;margin:14px 0 4px}
        p{margin:4px 0} .soft{color:var(--soft)} .kicker{color:var(--accent);font-weight:600;letter-spacing:.04em;text-transform:uppercase;font-size:12px}
        .tiles{display:flex;flex-wrap:wrap;margin:14px -4px}
        .tile{flex:1 1 29%;margin:4px;background:var(--tint);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
        .tile span{display:block;color:var(--soft);font-size:13px} .tile b{display:block;font-size:21px;font-variant-numeric:tabular-nums}
        .tile small{color:var(--soft);font-size:12px}
        table{border-collapse:collapse;width:100%;font-size:13.5px} th{text-align:left;color:var(--soft);font-weight:600;border-bottom:1px solid var(--line);padding:5px 8px}
        td{border-bottom:1px solid var(--line);padding:5px 8px} .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap} .strong{font-weight:600}
        .pair{display:flex;flex-wrap:wrap;gap:4px 24px} .half{flex:1 1 400px;min-width:0}
        .barcell{width:26%} .barcell i{display:block;height:9px;border-radius:2px;background:var(--accent)}
        figure{margin:0} svg{width:100%;height:auto} svg text{font-size:10px;fill:var(--soft)} svg line{stroke:var(--soft);stroke-width:1}
        svg .grid{stroke:var(--line)} rect.bar{fill:var(--light)} rect.weekend{fill:var(--line)} rect.now{fill:var(--accent)} figcaption{color:var(--soft);font-size:12px}
        footer{margin-top:32px;border-top:1px solid var(--line);padding-top:8px;color:var(--soft);font-size:12px}
        @page{size:A4;margin:15mm 14mm 17mm;@bottom-right{content:counter(page) " / " counter(pages);font:8.5pt "DejaVu Sans";color:#666}\
        @bottom-left{content:"DigitalBank";font:8.5pt "DejaVu Sans";color:#666}}
        @media print{body{font-size:9.5pt;background:#fff;color:#14202e} main{max-width:none;padding:0} h2{break-after:avoid;margin-top:16pt;font-size:13pt}\
        section,.half,.tile,tr{break-inside:avoid} section:last-of-type{break-inside:auto} table{font-size:8.5pt} td,th{padding:3px 5px} .tile b{font-size:14pt} .tile span{font-size:8.5pt} .half{flex:1 1 45%}}
        """
}
