/// What one value of a selection asks of a field. Letters count as equal in both cases, as Sigma has it.
enum SigmaTest: Sendable {
    /// Pieces between `*`; a piece's `?` is byte 0. Anchored at the ends that are.
    case glob([[UInt8]], atStart: Bool, atEnd: Bool, isCased: Bool)
    case regex(Pattern)
    case block(AddressBlock)
    case number(Comparison, Int64)
    case exists(Bool)
    case empty

    enum Comparison: Sendable {
        case less, lessOrEqual, greater, greaterOrEqual, equal

        func holds(_ value: Int64, _ limit: Int64) -> Bool {
            switch self {
            case .less: value < limit
            case .lessOrEqual: value <= limit
            case .greater: value > limit
            case .greaterOrEqual: value >= limit
            case .equal: value == limit
            }
        }
    }

    /// The same about a number: a whole number written out is equal to its field or is not.
    var numeric: (comparison: Comparison, limit: Int64)? {
        switch self {
        case .number(let comparison, let limit): return (comparison, limit)
        case .glob(let pieces, true, true, _):
            guard pieces.count == 1, let value = Int64(String(decoding: pieces[0], as: UTF8.self)),
                Array(String(value).utf8) == pieces[0]
            else { return nil }
            return (.equal, value)
        default: return nil
        }
    }

    /// What it takes, roughly, in comparisons of a byte.
    var cost: Int {
        switch self {
        case .number, .exists, .empty: 1
        case .glob(let pieces, let atStart, let atEnd, _): pieces.count == 1 && (atStart || atEnd) ? 3 : 60
        case .block: 20
        case .regex: 200
        }
    }

    func matches(_ text: Bytes) -> Bool {
        switch self {
        case .glob(let pieces, let atStart, let atEnd, let isCased):
            return Self.glob(pieces, atStart, atEnd, isCased, text)
        case .regex(let pattern): return pattern.matches(text)
        case .block(let block): return NetworkAddress(text).map(block.contains) ?? false
        case .number(let comparison, let limit):
            guard let value = text.integer else { return false }
            return comparison.holds(value, limit)
        case .exists(let wanted): return text.isEmpty != wanted
        case .empty: return text.isEmpty
        }
    }

    private static func glob(_ pieces: [[UInt8]], _ atStart: Bool, _ atEnd: Bool, _ isCased: Bool, _ text: Bytes)
        -> Bool
    {
        var index = 0
        for (number, piece) in pieces.enumerated() {
            let isFirst = number == 0 && atStart
            let isLast = number == pieces.count - 1 && atEnd
            if isFirst, isLast { return text.count == piece.count && isAt(piece, 0, isCased, text) }
            if isFirst {
                guard isAt(piece, 0, isCased, text) else { return false }
                index = piece.count
            } else if isLast {
                let place = text.count - piece.count
                return place >= index && isAt(piece, place, isCased, text)
            } else {
                guard let place = find(piece, from: index, isCased, text) else { return false }
                index = place + piece.count
            }
        }
        return true
    }

    private static func isAt(_ piece: [UInt8], _ place: Int, _ isCased: Bool, _ text: Bytes) -> Bool {
        guard place >= 0, place + piece.count <= text.count else { return false }
        for (offset, byte) in piece.enumerated() where byte != 0 {
            let found = text[place + offset]
            guard found == byte || !isCased && Bytes.lower(found) == byte else { return false }
        }
        return true
    }

    private static func find(_ piece: [UInt8], from: Int, _ isCased: Bool, _ text: Bytes) -> Int? {
        var index = from
        while index + piece.count <= text.count {
            if isAt(piece, index, isCased, text) { return index }
            index += 1
        }
        return nil
    }

    /// The longest run of plain characters that a match must hold: what the first pass looks for.
    var literal: String? {
        guard case .glob(let pieces, _, _, _) = self else { return nil }
        var best: [UInt8] = []
        for piece in pieces {
            for run in piece.split(whereSeparator: { !(Bytes.isWord($0) || "./-_ =:".utf8.contains($0)) })
            where run.count > best.count {
                best = run.map(Bytes.lower)
            }
        }
        return best.count >= 3 ? String(decoding: best, as: UTF8.self) : nil
    }
}
