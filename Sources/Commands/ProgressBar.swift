internal import Diagnostics
internal import Foundation
internal import Synchronization

/// Draws one line per stage on a terminal, or one JSON line per update for programs.
final class ProgressPrinter: Sendable {
    enum Style: Sendable {
        case bar, json, quiet
    }

    private struct State {
        var stage = ""
        var stageStart = ContinuousClock.now
        var lastDraw = ContinuousClock.now - .seconds(1)
        var isLineOpen = false
    }

    private let style: Style
    private let state = Mutex(State())
    private static let redrawInterval: Duration = .milliseconds(100)

    init(style: Style) { self.style = style }

    var sink: ProgressSink { { [self] update in show(update) } }

    func show(_ update: ProgressUpdate) {
        guard style != .quiet else { return }
        state.withLock { state in
            let now = ContinuousClock.now
            let isNewStage = update.stage != state.stage
            if isNewStage {
                closeLine(&state)
                state.stage = update.stage
                state.stageStart = now
            }
            let isLast = update.total == update.done
            guard isNewStage || isLast || now - state.lastDraw >= Self.redrawInterval else { return }
            state.lastDraw = now
            switch style {
            case .bar: draw(update, elapsed: now - state.stageStart, &state)
            case .json: Terminal.output(Self.json(update))
            case .quiet: break
            }
        }
    }

    /// Ends the open line, so that what follows starts on a line of its own.
    func finish() { state.withLock { closeLine(&$0) } }

    private func closeLine(_ state: inout State) {
        guard state.isLineOpen else { return }
        Terminal.errorRaw("\n")
        state.isLineOpen = false
    }

    private func draw(_ update: ProgressUpdate, elapsed: Duration, _ state: inout State) {
        let line = Self.line(update, elapsed: elapsed, width: Terminal.columns)
        if Terminal.errorIsTerminal {
            Terminal.errorRaw("\r\u{1B}[2K" + line)
            state.isLineOpen = true
        } else if update.done == 0 || update.total == update.done {
            Terminal.error(line)
        }
    }

    /// `salvage      ███████▌        62 %  transactions  48 MB/s  4 s left`
    static func line(_ update: ProgressUpdate, elapsed: Duration, width: Int) -> String {
        var parts = [update.stage.padding(toLength: 12, withPad: " ", startingAt: 0)]
        let seconds = elapsed / .seconds(1)
        if let total = update.total, total > 0 {
            let share = min(max(Double(update.done) / Double(total), 0), 1)
            parts.append(bar(share, width: 24))
            parts.append(String(format: "%3d %%", Int(share * 100)))
        }
        if !update.subject.isEmpty { parts.append(update.subject) }
        if seconds > 0.5, update.done > 0, !update.unit.isEmpty {
            parts.append(rate(Double(update.done) / seconds, unit: update.unit))
            if let total = update.total, update.done < total {
                let left = seconds * Double(total - update.done) / Double(update.done)
                parts.append("\(Int(left.rounded(.up))) s left")
            }
        }
        return String(parts.joined(separator: "  ").prefix(width - 1))
    }

    private static func bar(_ share: Double, width: Int) -> String {
        let full = Int(share * Double(width))
        return String(repeating: "█", count: full) + String(repeating: "░", count: width - full)
    }

    private static func rate(_ perSecond: Double, unit: String) -> String {
        if unit == "bytes" { return "\(Int(perSecond / 1_000_000)) MB/s" }
        if perSecond >= 10_000 { return "\(Int(perSecond / 1000)) k \(unit)/s" }
        return "\(Int(perSecond)) \(unit)/s"
    }

    private static func json(_ update: ProgressUpdate) -> String {
        var fields: [String: Any] = [
            "event": "progress", "stage": update.stage, "subject": update.subject, "done": update.done,
            "unit": update.unit,
        ]
        if let total = update.total { fields["total"] = total }
        let data = try? JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys])
        return String(decoding: data ?? Data("{}".utf8), as: UTF8.self)
    }
}
