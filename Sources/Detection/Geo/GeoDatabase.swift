internal import Foundation

/// Where addresses are, from a file of the operator's: MaxMind's binary form (`.mmdb`), or CSV with ranges. Nothing is
/// asked of the network.
public final class GeoDatabase: Sendable {
    struct Place: Sendable, Hashable {
        var latitude: Double
        var longitude: Double
        var country = ""

        /// Kilometres along the earth (haversine; the earth as a ball of 6,371 km).
        func distance(to other: Place) -> Double {
            func radians(_ degrees: Double) -> Double { degrees * .pi / 180 }
            let (north, east) = (
                radians(other.latitude - latitude) / 2, radians(other.longitude - longitude) / 2
            )
            let chord =
                sin(north) * sin(north)
                + cos(radians(latitude)) * cos(radians(other.latitude)) * sin(east) * sin(east)
            return 2 * 6_371 * asin(min(1, chord.squareRoot()))
        }
    }

    private enum Kind: Sendable {
        case binary(MaxMindReader)
        case ranges([GeoRange])
    }

    private let kind: Kind
    private static let bytesMax = 2 << 30

    public init(path: String) throws(DetectionError) {
        guard let data = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe),
            data.count < Self.bytesMax
        else { throw .unreadable(path, "it is not there, or over 2 GB") }
        if let reader = MaxMindReader(data) {
            guard reader.hasPlaces else {
                throw .option(
                    "\(path) tells no latitudes", "Give a database of cities; one of countries alone says too little.")
            }
            kind = .binary(reader)
        } else {
            kind = .ranges(try GeoRange.read(data, path))
        }
    }

    /// Where an address is, in degrees; the country as the file calls it, empty where it does not.
    public func point(of address: String) -> (latitude: Double, longitude: Double, country: String)? {
        NetworkAddress(address).flatMap { place(of: $0) }.map { ($0.latitude, $0.longitude, $0.country) }
    }

    func place(of address: NetworkAddress) -> Place? {
        switch kind {
        case .binary(let reader): return reader.place(of: address)
        case .ranges(let ranges):
            var (low, high) = (0, ranges.count)
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].first <= address { low = middle + 1 } else { high = middle }
            }
            guard low > 0, address <= ranges[low - 1].last else { return nil }
            return ranges[low - 1].place
        }
    }
}

extension NetworkAddress: Comparable {
    public static func < (left: NetworkAddress, right: NetworkAddress) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// One line of a CSV: `network` or `first` and `last`, `latitude`, `longitude`, and `country` where it has one.
struct GeoRange: Sendable {
    let first: NetworkAddress
    let last: NetworkAddress
    let place: GeoDatabase.Place
    private static let rangesMax = 10_000_000

    static func read(_ data: Data, _ path: String) throws(DetectionError) -> [GeoRange] {
        var columns: [String: Int] = [:]
        var ranges: [GeoRange] = []
        var number = 0
        var wrong: Int?
        data.withUnsafeBytes { raw in
            let all = Bytes(raw)
            var start = 0
            while start < all.count, ranges.count < rangesMax, wrong == nil {
                let end = all.first(10, from: start) ?? all.count
                let line = all[start, end].trimmed
                start = end + 1
                number += 1
                if line.isEmpty { continue }
                var fields = CSVFields(line)
                var texts: [Bytes] = []
                while texts.count < 40, let field = fields.next() { texts.append(field.trimmed) }
                if columns.isEmpty {
                    for (index, text) in texts.enumerated() { columns[name(text.text.lowercased())] = index }
                } else if let range = range(texts, columns) {
                    ranges.append(range)
                } else if texts.count != columns.count {
                    wrong = number
                }
            }
        }
        if let wrong { throw .unreadable(path, "line \(wrong) has another number of fields than the head") }
        guard columns["latitude"] != nil, columns["longitude"] != nil,
            columns["network"] != nil || columns["first"] != nil && columns["last"] != nil
        else {
            throw .option(
                "\(path) is no database of places",
                "Give a .mmdb, or a CSV whose head names network (or first and last), latitude and longitude.")
        }
        return ranges.sorted { $0.first < $1.first }
    }

    private static func name(_ text: String) -> String {
        switch text {
        case "network", "cidr", "range", "prefix": "network"
        case "first", "start", "start_ip", "ip_start", "from", "ip_from": "first"
        case "last", "end", "end_ip", "ip_end", "to", "ip_to": "last"
        case "latitude", "lat": "latitude"
        case "longitude", "lon", "lng", "long": "longitude"
        case "country", "country_code", "country_iso_code": "country"
        default: text
        }
    }

    /// Nil where the line has no place, as such files have many.
    private static func range(_ texts: [Bytes], _ columns: [String: Int]) -> GeoRange? {
        func text(_ name: String) -> String? {
            columns[name].flatMap { $0 < texts.count && !texts[$0].isEmpty ? texts[$0].text : nil }
        }
        guard let latitude = text("latitude").flatMap(Double.init), abs(latitude) <= 90,
            let longitude = text("longitude").flatMap(Double.init), abs(longitude) <= 180
        else { return nil }
        let place = GeoDatabase.Place(latitude: latitude, longitude: longitude, country: text("country") ?? "")
        if let block = text("network").flatMap({ AddressBlock($0) }) {
            return GeoRange(first: block.first, last: block.last, place: place)
        }
        guard let first = text("first").flatMap({ NetworkAddress($0) }),
            let last = text("last").flatMap({ NetworkAddress($0) }), first <= last
        else { return nil }
        return GeoRange(first: first, last: last, place: place)
    }
}

extension AddressBlock {
    private var mask: (high: UInt64, low: UInt64) {
        (
            bits >= 64 ? 0 : UInt64.max >> UInt64(bits),
            bits <= 64 ? UInt64.max : bits >= 128 ? 0 : UInt64.max >> UInt64(bits - 64)
        )
    }

    var first: NetworkAddress {
        var address = base
        (address.high, address.low) = (base.high & ~mask.high, base.low & ~mask.low)
        return address
    }

    var last: NetworkAddress {
        var address = base
        (address.high, address.low) = (base.high | mask.high, base.low | mask.low)
        return address
    }
}
