/// Why the forest without labels finds a payment odd: the columns that set it apart early.
struct OddityReasons: Sendable {
    let forest: IsolationForest

    /// Each column's part of the way that is missing to the usual length, spread over the splits of the way; as much as a
    /// column takes part in short ways. Positive is odd.
    func contributions(_ row: [Float]) -> [Float] {
        var parts = [Float](repeating: 0, count: forest.features)
        guard row.count == forest.features, !forest.trees.isEmpty else { return parts }
        var path: [Int] = []
        for tree in forest.trees {
            path.removeAll(keepingCapacity: true)
            var index = 0
            while !tree[index].isLeaf {
                let node = tree[index]
                let value = row[node.feature]
                path.append(node.feature)
                index = (value.isNaN ? node.isDefaultLeft : value < node.condition) ? node.left : node.right
            }
            guard !path.isEmpty else { continue }
            let missing = IsolationForest.usual - tree[index].condition
            for feature in path { parts[feature] += missing / Float(path.count) }
        }
        return parts.map { $0 / Float(forest.trees.count) }
    }
}
