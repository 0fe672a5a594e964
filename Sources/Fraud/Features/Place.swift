internal import Foundation

/// A place as a key: the cell of a hundredth of a degree.
public enum Place {
    private static let columns: Int64 = 36_001

    /// Nil where it is no place on earth.
    public static func key(latitude: Double, longitude: Double) -> Int64? {
        guard (-90...90).contains(latitude), (-180...180).contains(longitude) else { return nil }
        return Int64(((latitude + 90) * 100).rounded()) * columns + Int64(((longitude + 180) * 100).rounded())
    }

    /// Along a great circle; not a number where one of them is no place.
    static func kilometres(_ from: Int64, _ to: Int64) -> Float {
        guard let from = point(from), let to = point(to) else { return .nan }
        if from == to { return 0 }
        let radians = Double.pi / 180
        let (a, b) = (from.latitude * radians, to.latitude * radians)
        let across = sin((to.latitude - from.latitude) * radians / 2)
        let along = sin((to.longitude - from.longitude) * radians / 2)
        let half = across * across + cos(a) * cos(b) * along * along
        return Float(2 * 6_371 * asin(min(1, half.squareRoot())))
    }

    private static func point(_ key: Int64) -> (latitude: Double, longitude: Double)? {
        guard key >= 0, key < 18_001 * columns else { return nil }
        return (Double(key / columns) / 100 - 90, Double(key % columns) / 100 - 180)
    }
}
