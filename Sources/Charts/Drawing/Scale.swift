/// A range of values and the round ones in it.
struct Scale: Sendable, Hashable {
    let low: Double
    let high: Double
    let ticks: [Double]

    /// Values that are no numbers are left out; an empty range becomes 0 to 1. What is counted has no halves, minutes and
    /// hours have 60 parts, and kibibytes 1,024.
    init(_ values: some Sequence<Double>, fromZero: Bool = true, unit: Unit = .number(2)) {
        var (low, high) = (Double.infinity, -Double.infinity)
        for value in values where value.isFinite {
            low = min(low, value)
            high = max(high, value)
        }
        if low > high { (low, high) = (0, 1) }
        if fromZero { (low, high) = (min(low, 0), max(high, 0)) }
        if high - low < 1e-12 { (low, high) = fromZero && low == 0 ? (0, 1) : (low - 1, high + 1) }
        let part = unit.part(max(abs(low), abs(high)))
        let step = Self.step(low / part, high / part, least: unit == .count ? 1 : 0) * part
        let first = (low / step + 1e-9).rounded(.down)
        let last = (high / step - 1e-9).rounded(.up)
        self.low = first * step
        self.high = last * step
        ticks = last - first <= 64 ? (0...Int(last - first)).map { (first + Double($0)) * step } : [low, high]
    }

    /// 1, 2, 3 or 5 times a power of ten: of those that part the range into four to seven, the one that leaves the least room
    /// beyond the figures; the coarser one where two leave as much.
    static func step(_ low: Double, _ high: Double, least: Double) -> Double {
        let rough = max(step((high - low) / 5), least)
        var best: (step: Double, waste: Double)?
        for power in [rough / 10, rough].map(power) {
            for factor in [5.0, 3, 2, 1] {
                let step = power * factor
                let (first, last) = ((low / step + 1e-9).rounded(.down), (high / step - 1e-9).rounded(.up))
                guard step >= least, (4...7).contains(Int(min(last - first, 64))) else { continue }
                let waste = ((last - first) * step - (high - low)) / (high - low)
                if best.map({ waste < $0.waste - 1e-9 }) ?? true { best = (step, waste) }
            }
        }
        return best?.step ?? rough
    }

    private static func power(_ value: Double) -> Double {
        var power = 1.0
        while power * 10 <= value * (1 + 1e-9) { power *= 10 }
        while power > value * (1 + 1e-9) { power /= 10 }
        return power
    }

    /// 1, 2 or 5 times a power of ten, at least as large.
    static func step(_ rough: Double) -> Double {
        guard rough > 0, rough.isFinite else { return 1 }
        var power = 1.0
        while power * 10 <= rough { power *= 10 }
        while power > rough { power /= 10 }
        for factor in [1.0, 2, 5] where power * factor >= rough - power * 1e-9 { return power * factor }
        return power * 10
    }

    func place(_ value: Double, from start: Double, to end: Double) -> Double {
        start + (value - low) / (high - low) * (end - start)
    }
}

/// The part of a picture that holds the figures, and what stands around it.
struct Frame: Sendable {
    let left: Double
    let right: Double
    let top: Double
    let bottom: Double

    var width: Double { right - left }
    var height: Double { bottom - top }

    /// Room for the longest label of the scale on the left, and for categories below.
    init(_ size: ChartSize, _ scale: Scale, _ unit: Unit, _ numbers: NumberText, top: Double) {
        let widest = scale.ticks.map { TextWidth.of(unit.tick($0, of: scale, numbers)) }.max() ?? 0
        left = min(widest + 12, size.width / 3)
        right = size.width - 10
        self.top = top
        bottom = size.height - 24
    }

    func grid(_ scale: Scale, _ unit: Unit, _ numbers: NumberText, _ pen: inout Pen) {
        pen.open("axis")
        for tick in scale.ticks {
            let y = scale.place(tick, from: bottom, to: top)
            pen.line(left, y, right, y, tick == 0 ? .muted : .grid)
            pen.label(unit.tick(tick, of: scale, numbers), left - 8, y + 4, .end)
        }
        pen.close()
    }

    /// As many of the labels as have room, at even distances.
    func labels(_ labels: [String], _ place: (Int) -> Double, _ pen: inout Pen) {
        guard !labels.isEmpty else { return }
        let widest = labels.map { TextWidth.of($0) }.max() ?? 1
        let room = max(Int(width / (widest + 14)), 1)
        let every = max((labels.count + room - 1) / room, 1)
        pen.open("axis")
        for index in stride(from: 0, to: labels.count, by: every) {
            let x = place(index)
            let half = TextWidth.of(labels[index]) / 2
            // Not cut at the picture's edges.
            let inside = min(max(x, half + 2), right + 8 - half)
            pen.label(labels[index], inside, bottom + 18, .middle)
        }
        pen.close()
    }
}

/// Names of series with their colours, above the picture; shapes tell them apart too.
enum Legend {
    static let height = 26.0

    /// - Returns: how high it became.
    @discardableResult
    static func draw(_ names: [(String, Ink)], _ size: ChartSize, _ pen: inout Pen) -> Double {
        var (x, y) = (2.0, 12.0)
        pen.open("legend")
        for (name, ink) in names {
            let words = TextWidth.fitted(name, size.width - 30)
            let width = TextWidth.of(words) + 34
            if x > 2, x + width > size.width {
                x = 2
                y += 20
            }
            pen.rect(x, y - 8, 10, 10, ink, radius: 3)
            pen.label(words, x + 16, y + 1, ink: .text)
            x += width
        }
        pen.close()
        return y + 14
    }

    static func rows(_ names: [String], _ size: ChartSize) -> Double {
        var pen = Pen(.page)
        return draw(names.map { ($0, .text) }, size, &pen)
    }
}
