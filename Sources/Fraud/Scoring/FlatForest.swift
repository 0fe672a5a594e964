/// A forest laid out for walking: eight trees side by side, no branch that depends on the data.
///
/// A row is laid out twice, once with minus infinity and once with plus infinity where a value is missing; a node reads
/// the copy that sends a missing value where training said. A leaf's threshold is not a number, which nothing is below,
/// so a walk that has arrived stays.
///
/// Margins are equal to XGBoost's to the last bit: the trees' values are added one after the other in single precision.
public final class FlatForest: Sendable {
    private struct Node {
        var threshold: Float
        /// Into the doubled row.
        var feature: UInt16
        /// The left child less one for a leaf, so that the step over it ends where it began.
        var left: UInt16
    }

    private struct Group {
        /// First nodes of eight trees.
        var roots: SIMD8<Int32>
        var depth: Int32
        var trees: Int32
    }

    static let side = 8

    public let features: Int
    private let baseMargin: Float
    // SAFETY: filled in `init`, never written afterwards, freed in `deinit`.
    nonisolated(unsafe) private let nodes: UnsafeMutablePointer<Node>
    nonisolated(unsafe) private let values: UnsafeMutablePointer<Float>
    nonisolated(unsafe) private let groups: UnsafeMutablePointer<Group>
    private let groupCount: Int

    init(_ model: TreeModel) {
        features = model.features
        baseMargin = model.baseMargin
        let total = model.trees.reduce(1) { $0 + $1.count }
        nodes = .allocate(capacity: total)
        values = .allocate(capacity: total)
        groupCount = (model.trees.count + Self.side - 1) / Self.side
        groups = .allocate(capacity: max(groupCount, 1))
        var used = 0
        var starts: [Int32] = []
        for tree in model.trees {
            starts.append(Int32(used))
            Self.lay(tree, features: model.features, nodes: nodes + used, values: values + used)
            used += tree.count
        }
        // A tree that is always at its leaf, worth nothing: it fills the last group.
        nodes[used] = Node(threshold: .nan, feature: 0, left: .max)
        values[used] = 0
        for group in 0..<groupCount {
            var roots = SIMD8<Int32>(repeating: Int32(used))
            let first = group * Self.side
            let last = min(first + Self.side, model.trees.count)
            for tree in first..<last { roots[tree - first] = starts[tree] }
            let depth = model.trees[first..<last].map(TreeModel.depth).max() ?? 0
            groups[group] = Group(roots: roots, depth: Int32(depth), trees: Int32(last - first))
        }
    }

    deinit {
        nodes.deallocate()
        values.deallocate()
        groups.deallocate()
    }

    /// Breadth first, siblings together, the left one first.
    private static func lay(
        _ tree: [TreeModel.Node], features: Int, nodes: UnsafeMutablePointer<Node>,
        values: UnsafeMutablePointer<Float>
    ) {
        var order = [0]
        var next = 0
        while next < order.count {
            let node = tree[order[next]]
            if node.isLeaf {
                nodes[next] = Node(threshold: .nan, feature: 0, left: UInt16(truncatingIfNeeded: next - 1))
                values[next] = node.condition
            } else {
                nodes[next] = Node(
                    threshold: node.condition, feature: UInt16(node.feature + (node.isDefaultLeft ? 0 : features)),
                    left: UInt16(order.count))
                values[next] = 0
                order += [node.left, node.right]
            }
            next += 1
        }
    }

    /// The log odds of one row; a value that is missing is not a number.
    public func margin(_ row: UnsafeBufferPointer<Float>) -> Float {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: features * 2) { doubled in
            guard let base = doubled.baseAddress, row.count == features else { return .nan }
            spread(row, into: base)
            var sum = baseMargin
            for group in 0..<groupCount { walk(groups + group, base, &sum) }
            return sum
        }
    }

    public func margin(_ row: [Float]) -> Float { row.withUnsafeBufferPointer { margin($0) } }

    public func probability(_ row: [Float]) -> Float { FloatMath.sigmoid(margin(row)) }

    /// Probabilities of many rows. Groups of trees pass over blocks of rows, so that a group stays in the first cache.
    public func probabilities(_ matrix: FeatureMatrix) -> [Float] {
        let block = 64
        guard matrix.columns == features else { return [] }
        let width = features * 2
        return [Float](unsafeUninitializedCapacity: matrix.rows) { out, count in
            count = matrix.rows
            withUnsafeTemporaryAllocation(of: Float.self, capacity: block * width) { doubled in
                guard let base = doubled.baseAddress, let sums = out.baseAddress else { return }
                matrix.values.withUnsafeBufferPointer { values in
                    for start in stride(from: 0, to: matrix.rows, by: block) {
                        let rows = min(block, matrix.rows - start)
                        for row in 0..<rows {
                            let from = (start + row) * features
                            spread(
                                UnsafeBufferPointer(rebasing: values[from..<(from + features)]),
                                into: base + row * width)
                            sums[start + row] = baseMargin
                        }
                        for group in 0..<groupCount {
                            for row in 0..<rows { walk(groups + group, base + row * width, &sums[start + row]) }
                        }
                        for row in 0..<rows { sums[start + row] = FloatMath.sigmoid(sums[start + row]) }
                    }
                }
            }
        }
    }

    private func spread(_ row: UnsafeBufferPointer<Float>, into doubled: UnsafeMutablePointer<Float>) {
        for column in 0..<features {
            let value = row[column]
            let isMissing = value.isNaN
            doubled[column] = isMissing ? -.infinity : value
            doubled[column + features] = isMissing ? .infinity : value
        }
    }

    @inline(__always)
    private func walk(_ group: UnsafeMutablePointer<Group>, _ row: UnsafePointer<Float>, _ sum: inout Float) {
        let roots = group.pointee.roots
        let (n0, n1, n2, n3) = (
            nodes + Int(roots[0]), nodes + Int(roots[1]), nodes + Int(roots[2]), nodes + Int(roots[3])
        )
        let (n4, n5, n6, n7) = (
            nodes + Int(roots[4]), nodes + Int(roots[5]), nodes + Int(roots[6]), nodes + Int(roots[7])
        )
        var (i0, i1, i2, i3, i4, i5, i6, i7) = (0, 0, 0, 0, 0, 0, 0, 0)
        for _ in 0..<group.pointee.depth {
            i0 = step(n0, i0, row)
            i1 = step(n1, i1, row)
            i2 = step(n2, i2, row)
            i3 = step(n3, i3, row)
            i4 = step(n4, i4, row)
            i5 = step(n5, i5, row)
            i6 = step(n6, i6, row)
            i7 = step(n7, i7, row)
        }
        sum += values[Int(roots[0]) &+ i0]
        sum += values[Int(roots[1]) &+ i1]
        sum += values[Int(roots[2]) &+ i2]
        sum += values[Int(roots[3]) &+ i3]
        sum += values[Int(roots[4]) &+ i4]
        sum += values[Int(roots[5]) &+ i5]
        sum += values[Int(roots[6]) &+ i6]
        sum += values[Int(roots[7]) &+ i7]
    }

    /// Left when the value is below the threshold, else one further; a leaf's step ends at the leaf.
    @inline(__always)
    private func step(_ tree: UnsafeMutablePointer<Node>, _ index: Int, _ row: UnsafePointer<Float>) -> Int {
        let node = tree[index]
        let isRight = row[Int(node.feature)] < node.threshold ? 0 : 1
        return (Int(node.left) &+ isRight) & 0xFFFF
    }
}
