/// What a stroke or an area means; the theme says which colour that is.
public enum Ink: Sendable, Hashable {
    /// One of the eight colours of series; numbers beyond begin again.
    case series(Int)
    case text, muted, grid, surface, positive, negative, warning

    static let seriesCount = 8

    var name: String {
        switch self {
        case .series(let index): "chart-\(index % Self.seriesCount + 1)"
        case .text: "text"
        case .muted: "muted"
        case .grid: "grid"
        case .surface: "surface"
        case .positive: "positive"
        case .negative: "negative"
        case .warning: "warning"
        }
    }
}

/// Where a picture is shown: in a page, whose style sheet has the colours, or on its own.
public enum Theme: Sendable, Hashable, CaseIterable {
    /// Colours are the page's CSS variables.
    case page
    /// Colours are fixed: for mails, PDF and PNG.
    case light, dark

    func colour(_ ink: Ink) -> String {
        switch self {
        case .page: return "var(--\(ink.name))"
        case .light: return Self.pick(ink, Self.lightSeries, Self.lightInks)
        case .dark: return Self.pick(ink, Self.darkSeries, Self.darkInks)
        }
    }

    private static func pick(_ ink: Ink, _ series: [String], _ inks: [Ink: String]) -> String {
        if case .series(let index) = ink { return series[index % Ink.seriesCount] }
        return inks[ink] ?? "#000000"
    }

    /// The same values as in the console's style sheet; each has 3:1 against the surface, and every two of them differ for who
    /// sees no red, no green or no blue as well: they were searched for that, and a test measures it.
    static let lightSeries = [
        "#005fb3", "#df7824", "#06a489", "#a152f7", "#870a27", "#8f5e03", "#26056b", "#384868",
    ]
    static let darkSeries = [
        "#669af1", "#d98f31", "#00e6a2", "#914ce9", "#c74f55", "#eac004", "#babcff", "#e1edfd",
    ]
    static let lightInks: [Ink: String] = [
        .text: "#16202c", .muted: "#566475", .grid: "#e2e6eb", .surface: "#ffffff", .positive: "#1d7a4c",
        .negative: "#b3261e", .warning: "#96650a",
    ]
    static let darkInks: [Ink: String] = [
        .text: "#e8edf3", .muted: "#9dacbc", .grid: "#2a3746", .surface: "#16202b", .positive: "#62c794",
        .negative: "#f2877f", .warning: "#e0b040",
    ]
}
