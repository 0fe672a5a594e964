import Foundation
import Testing

@testable import Charts

/// Colours of series as people see them, those without red, green or blue cones too (Machado, Oliveira and Fernandes 2009).
@Suite("colours of series") struct PaletteTests {
    private typealias Colour = SIMD3<Double>

    private static let eyes: [(name: String, rows: [Colour])] = [
        ("all cones", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        (
            "no red",
            [
                [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
            ]
        ),
        (
            "no green",
            [
                [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
            ]
        ),
        (
            "no blue",
            [
                [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
            ]
        ),
    ]

    /// Linear light of `#rrggbb`.
    private static func light(_ hex: String) -> Colour {
        let value = Int(hex.dropFirst(), radix: 16) ?? 0
        let parts = [value >> 16 & 255, value >> 8 & 255, value & 255].map { part in
            let share = Double(part) / 255
            return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
        }
        return Colour(parts[0], parts[1], parts[2])
    }

    private static func dot(_ a: Colour, _ b: Colour) -> Double { (a * b).sum() }

    /// OKLab: equal steps look equal.
    private static func perceived(_ light: Colour, _ eye: [Colour]) -> Colour {
        let seen = Colour(eye.map { min(1, max(0, dot($0, light))) })
        let cones = Colour(
            [
                [0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ].map { (row: Colour) in cbrt(dot(row, seen)) })
        return Colour(
            [
                [0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ].map { (row: Colour) in dot(row, cones) })
    }

    @Test("every two series differ in both themes for every kind of eye, and stand out from the surface")
    func distinct() {
        for (series, inks) in [(Theme.lightSeries, Theme.lightInks), (Theme.darkSeries, Theme.darkInks)] {
            let surface = Self.dot(Self.light(inks[.surface] ?? ""), [0.2126, 0.7152, 0.0722])
            for (place, colour) in series.enumerated() {
                let own = Self.dot(Self.light(colour), [0.2126, 0.7152, 0.0722])
                #expect((max(own, surface) + 0.05) / (min(own, surface) + 0.05) >= 3, "\(colour)")
                for other in series[..<place] {
                    for eye in Self.eyes {
                        let gap =
                            Self.perceived(Self.light(colour), eye.rows) - Self.perceived(Self.light(other), eye.rows)
                        // 0.02 is a difference that is just seen side by side.
                        #expect(Self.dot(gap, gap).squareRoot() >= 0.1, "\(colour) \(other) \(eye.name)")
                    }
                }
            }
        }
    }

    @Test("the console's style sheet has the same colours") func sheet() throws {
        let path =
            URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path + "/Sources/Console/Assets/console.css"
        let css = try String(contentsOfFile: path, encoding: .utf8)
        for (index, colour) in Theme.lightSeries.enumerated() {
            #expect(css.contains("--chart-\(index + 1): \(colour);"), "\(colour)")
        }
        for (index, colour) in Theme.darkSeries.enumerated() {
            #expect(css.components(separatedBy: "--chart-\(index + 1): \(colour);").count == 3, "\(colour)")
        }
    }
}
