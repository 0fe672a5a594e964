/// Exact SHAP values of a forest, from tables made when the model is loaded.
///
/// On the way to a leaf stand at most `depth` different columns. What a leaf gives to each of them depends only on which
/// of them a row satisfies: 2^columns cases, all computed beforehand. A row then compares and adds.
public final class LeafTables: Sendable {
    /// Deeper trees would need tables out of proportion.
    static let depthMax = 8

    /// One column's part of the way to a leaf: from `low` up to but without `high`, or missing.
    private struct Gate {
        var low: Float
        var high: Float
        /// Into the doubled row: a missing value reads as minus or plus infinity, as its default direction says.
        var feature: Int32
        var missingPasses: Bool
    }

    private struct Leaf {
        var gates: Int32
        var count: Int32
        /// First value of its table: `count` values for each case.
        var table: Int32
    }

    public let features: Int
    /// What the model says of nobody in particular, as log odds.
    public let expected: Double
    private let gates: ContiguousArray<Gate>
    private let leaves: ContiguousArray<Leaf>
    private let table: ContiguousArray<Float>

    init(_ model: TreeModel) throws(FraudError) {
        features = model.features
        var gates: ContiguousArray<Gate> = []
        var leaves: ContiguousArray<Leaf> = []
        var table: ContiguousArray<Float> = []
        var expected = Double(model.baseMargin)
        for tree in model.trees {
            guard TreeModel.depth(tree) <= Self.depthMax else {
                throw FraudError.model("a tree is deeper than \(Self.depthMax)")
            }
            for path in Self.paths(tree) {
                expected += path.value * path.steps.reduce(1) { $0 * $1.share }
                guard !path.steps.isEmpty else { continue }
                leaves.append(
                    Leaf(gates: Int32(gates.count), count: Int32(path.steps.count), table: Int32(table.count)))
                for step in path.steps {
                    gates.append(
                        Gate(
                            low: step.low, high: step.high, feature: Int32(step.feature),
                            missingPasses: step.missingPasses))
                }
                Self.append(path, to: &table)
            }
        }
        self.gates = gates
        self.leaves = leaves
        self.table = table
        self.expected = expected
    }

    /// All that one column asks on the way to a leaf, and the share of training data that passes it.
    private struct Step {
        var feature: Int
        var low: Float = -.infinity
        var high: Float = .infinity
        var missingPasses = true
        var share = 1.0
    }

    private struct Path {
        var value: Double
        var steps: [Step]
    }

    private static func paths(_ tree: [TreeModel.Node]) -> [Path] {
        var found: [Path] = []
        var open: [(node: Int, steps: [Step])] = [(0, [])]
        while let (index, steps) = open.popLast() {
            let node = tree[index]
            if node.isLeaf {
                found.append(Path(value: Double(node.condition), steps: steps))
                continue
            }
            for isLeft in [true, false] {
                let child = isLeft ? node.left : node.right
                var further = steps
                let place =
                    further.firstIndex { $0.feature == node.feature }
                    ?? {
                        further.append(Step(feature: node.feature))
                        return further.count - 1
                    }()
                if isLeft {
                    further[place].high = min(further[place].high, node.condition)
                } else {
                    further[place].low = max(further[place].low, node.condition)
                }
                if isLeft != node.isDefaultLeft { further[place].missingPasses = false }
                further[place].share *= Double(tree[child].cover) / Double(node.cover)
                open.append((child, further))
            }
        }
        return found
    }

    /// The values of Shapley for each case: bit i of a case says that the row passes step i.
    private static func append(_ path: Path, to table: inout ContiguousArray<Float>) {
        let count = path.steps.count
        var factorial = [1.0]
        for value in 1...(count + 1) { factorial.append((factorial.last ?? 1) * Double(value)) }
        for passed in 0..<(1 << count) {
            for own in 0..<count {
                // Coefficient s: all subsets of s other columns, which count as the row has them; the rest by their share.
                var subsets = [1.0]
                for other in 0..<count where other != own {
                    let passes = passed >> other & 1 == 1 ? 1.0 : 0.0
                    var grown = [Double](repeating: 0, count: subsets.count + 1)
                    for (size, value) in subsets.enumerated() {
                        grown[size] += value * path.steps[other].share
                        grown[size + 1] += value * passes
                    }
                    subsets = grown
                }
                var weight = 0.0
                for (size, value) in subsets.enumerated() {
                    weight += value * factorial[size] * factorial[count - 1 - size] / factorial[count]
                }
                let passes = passed >> own & 1 == 1 ? 1.0 : 0.0
                table.append(Float(path.value * (passes - path.steps[own].share) * weight))
            }
        }
    }

    /// What each column adds to the log odds of a row; with `expected` they sum up to its margin.
    public func contributions(_ row: [Float]) -> [Float] {
        guard row.count == features else { return [] }
        return [Float](unsafeUninitializedCapacity: features) { out, count in
            count = features
            out.initialize(repeating: 0)
            row.withUnsafeBufferPointer { row in
                gates.withUnsafeBufferPointer { gates in
                    table.withUnsafeBufferPointer { table in
                        for leaf in leaves { Self.add(leaf, row, gates, table, out) }
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func add(
        _ leaf: Leaf, _ row: UnsafeBufferPointer<Float>, _ gates: UnsafeBufferPointer<Gate>,
        _ table: UnsafeBufferPointer<Float>, _ out: UnsafeMutableBufferPointer<Float>
    ) {
        let first = Int(leaf.gates)
        let count = Int(leaf.count)
        var passed = 0
        for step in 0..<count {
            let gate = gates[first &+ step]
            let value = row[Int(gate.feature)]
            let passes = (value >= gate.low && value < gate.high) || (value != value && gate.missingPasses)
            passed |= (passes ? 1 : 0) &<< step
        }
        let base = Int(leaf.table) &+ passed &* count
        for step in 0..<count { out[Int(gates[first &+ step].feature)] += table[base &+ step] }
    }
}
