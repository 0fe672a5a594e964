/// Lines through points.
enum Curve {
    typealias Point = (x: Double, y: Double)

    /// Points beyond which a line is straight from point to point.
    private static let smoothMax = 160

    /// A smooth line that never swings over the figures (monotone, after Fritsch and Carlson); straight with many points.
    static func path(_ points: [Point]) -> String {
        guard let first = points.first else { return "" }
        var out = "M\(first.x.short) \(first.y.short)"
        guard points.count > 2, points.count <= smoothMax else {
            for point in points.dropFirst() { out += "L\(point.x.short) \(point.y.short)" }
            return out
        }
        let slopes = tangents(points)
        for index in 1..<points.count {
            let (from, to) = (points[index - 1], points[index])
            let third = (to.x - from.x) / 3
            out += "C\((from.x + third).short) \((from.y + slopes[index - 1] * third).short) "
            out += "\((to.x - third).short) \((to.y - slopes[index] * third).short) \(to.x.short) \(to.y.short)"
        }
        return out
    }

    /// The area between a line and a level.
    static func area(_ points: [Point], to level: Double) -> String {
        guard let first = points.first, let last = points.last else { return "" }
        return path(points) + "L\(last.x.short) \(level.short)L\(first.x.short) \(level.short)Z"
    }

    private static func tangents(_ points: [Point]) -> [Double] {
        let secants = zip(points, points.dropFirst()).map { from, to in (to.y - from.y) / max(to.x - from.x, 1e-9) }
        var slopes = [secants[0]]
        for index in 1..<secants.count {
            let (before, after) = (secants[index - 1], secants[index])
            slopes.append(before * after <= 0 ? 0 : (before + after) / 2)
        }
        slopes.append(secants[secants.count - 1])
        for (index, secant) in secants.enumerated() {
            guard secant != 0 else {
                slopes[index] = 0
                slopes[index + 1] = 0
                continue
            }
            let (first, second) = (slopes[index] / secant, slopes[index + 1] / secant)
            let length = first * first + second * second
            guard length > 9 else { continue }
            let factor = 3 / length.squareRoot()
            slopes[index] = factor * first * secant
            slopes[index + 1] = factor * second * secant
        }
        return slopes
    }

    /// Of a long series the lowest and highest of each bucket, in their order: no peak is lost, nothing is drawn twice.
    ///
    /// - Returns: places in `values`, at most two for each bucket, and the ends.
    static func decimated(_ values: [Double?], buckets: Int) -> [Int] {
        guard values.count > buckets * 2, buckets > 0 else { return values.indices.filter { values[$0] != nil } }
        var kept: [Int] = []
        for bucket in 0..<buckets {
            let range = bucket * values.count / buckets..<(bucket + 1) * values.count / buckets
            var (low, high): (Int?, Int?) = (nil, nil)
            for index in range {
                guard let value = values[index] else { continue }
                if low.flatMap({ values[$0] }).map({ value < $0 }) ?? true { low = index }
                if high.flatMap({ values[$0] }).map({ value > $0 }) ?? true { high = index }
            }
            guard let low, let high else { continue }
            kept.append(min(low, high))
            if low != high { kept.append(max(low, high)) }
        }
        return kept
    }
}
