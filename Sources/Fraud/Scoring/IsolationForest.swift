internal import Glibc

/// Tells payments that are unlike the others without any label: random splits isolate the odd ones early. It only ranks
/// what a person should look at first, while a bank has no labels yet; with labels the trained model is far better.
struct IsolationForest: Sendable {
    static let sampleSize = 256

    let trees: [[TreeModel.Node]]
    let features: Int

    /// - Parameter seed: the same rows and seed give the same forest.
    init(fitting matrix: FeatureMatrix, trees count: Int = 200, seed: UInt64) {
        var generator = SplitMix(state: seed)
        features = matrix.columns
        let limit = Int(log2(Double(Self.sampleSize)).rounded(.up))
        var trees: [[TreeModel.Node]] = []
        for _ in 0..<(matrix.rows > 1 ? count : 0) {
            let size = min(Self.sampleSize, matrix.rows)
            var rows = (0..<size).map { _ in Int(generator.next() % UInt64(matrix.rows)) }
            var nodes: [TreeModel.Node] = []
            Self.grow(matrix, &rows[...], depth: 0, limit: limit, into: &nodes, &generator)
            trees.append(nodes)
        }
        self.trees = trees
    }

    init(trees: [[TreeModel.Node]], features: Int) {
        self.trees = trees
        self.features = features
    }

    /// The same walker as the trained trees': a leaf's value is the length of the way to it.
    var model: TreeModel { TreeModel(features: features, baseMargin: 0, trees: trees) }

    /// 0.5 is usual, towards 1 is odd. `total` is the sum of the ways' lengths over all trees.
    static func score(total: Float, trees: Int) -> Float {
        guard trees > 0 else { return 0 }
        return Float(exp2(-Double(total) / Double(trees) / usualLength(sampleSize)))
    }

    /// The mean length of a way.
    static let usual = Float(usualLength(sampleSize))

    /// Mean length of an unsuccessful search in a binary tree of so many rows.
    private static func usualLength(_ rows: Int) -> Double {
        guard rows > 1 else { return 0 }
        let count = Double(rows)
        return 2 * (log(count - 1) + 0.5772156649015329) - 2 * (count - 1) / count
    }

    @discardableResult
    private static func grow(
        _ matrix: FeatureMatrix, _ rows: inout ArraySlice<Int>, depth: Int, limit: Int,
        into nodes: inout [TreeModel.Node], _ generator: inout SplitMix
    ) -> Int {
        let index = nodes.count
        let length = Float(Double(depth) + usualLength(rows.count))
        nodes.append(
            TreeModel.Node(
                left: -1, right: -1, feature: 0, condition: length, isDefaultLeft: false, cover: Float(rows.count)))
        guard depth < limit, rows.count > 1, let split = split(matrix, rows, &generator) else { return index }
        let middle = rows.partition { row in
            let value = matrix.values[row * matrix.columns + split.feature]
            return value.isNaN ? !split.isDefaultLeft : value >= split.threshold
        }
        guard middle > rows.startIndex, middle < rows.endIndex else { return index }
        let left = grow(
            matrix, &rows[rows.startIndex..<middle], depth: depth + 1, limit: limit, into: &nodes, &generator)
        let right = grow(
            matrix, &rows[middle..<rows.endIndex], depth: depth + 1, limit: limit, into: &nodes, &generator)
        nodes[index].left = left
        nodes[index].right = right
        nodes[index].feature = split.feature
        nodes[index].condition = split.threshold
        nodes[index].isDefaultLeft = split.isDefaultLeft
        return index
    }

    /// A random column that differs among the rows, and a random value between its least and its greatest.
    private static func split(
        _ matrix: FeatureMatrix, _ rows: ArraySlice<Int>, _ generator: inout SplitMix
    ) -> (feature: Int, threshold: Float, isDefaultLeft: Bool)? {
        for _ in 0..<8 {
            let feature = Int(generator.next() % UInt64(matrix.columns))
            var (low, high) = (Float.infinity, -Float.infinity)
            for row in rows {
                let value = matrix.values[row * matrix.columns + feature]
                guard value.isFinite else { continue }
                low = min(low, value)
                high = max(high, value)
            }
            guard low < high else { continue }
            let threshold = low + (high - low) * Float(generator.unit())
            return (feature, threshold > low ? threshold : high, generator.next() & 1 == 0)
        }
        return nil
    }
}

/// A small generator of random numbers whose sequence is fixed by its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// From 0 up to but without 1.
    mutating func unit() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
}
