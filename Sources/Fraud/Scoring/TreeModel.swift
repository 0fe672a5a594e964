internal import Web

/// The trees of a model, as XGBoost's JSON tells them.
struct TreeModel: Sendable {
    struct Node: Sendable {
        var left: Int
        var right: Int
        var feature: Int
        /// Below it goes left; of a leaf, its value.
        var condition: Float
        var isDefaultLeft: Bool
        /// Sum of the hessians: how much of the training data came by.
        var cover: Float

        var isLeaf: Bool { left < 0 }
    }

    static let treesMax = 10_000
    static let nodesMax = 4_096
    static let featuresMax = 512

    let features: Int
    /// Added before the trees, as log odds.
    let baseMargin: Float
    let trees: [[Node]]

    init(features: Int, baseMargin: Float, trees: [[Node]]) {
        self.features = features
        self.baseMargin = baseMargin
        self.trees = trees
    }

    init(json bytes: [UInt8]) throws(FraudError) {
        let json: JSON
        do {
            json = try JSONReader.read(bytes)
        } catch {
            throw FraudError.model("its trees are no JSON: \(error)")
        }
        try self.init(json)
    }

    private init(_ json: JSON) throws(FraudError) {
        guard let learner = json["learner"], learner["objective"]?["name"]?.string == "binary:logistic",
            let booster = learner["gradient_booster"], booster["name"]?.string == "gbtree",
            let trees = booster["model"]?["trees"]?.array, let parameters = learner["learner_model_param"],
            let count = parameters["num_feature"]?.string.flatMap({ Int($0) })
        else { throw FraudError.model("its trees are not those of a binary:logistic gbtree") }
        // XGBoost 3.1 and later write a list here; 1.7 reads that without an error and predicts wrongly.
        guard let base = parameters["base_score"]?.string.flatMap({ Float($0) }), base > 0, base < 1 else {
            throw FraudError.model("its base score is no number between 0 and 1: another version of XGBoost wrote it")
        }
        guard (1...Self.featuresMax).contains(count), trees.count <= Self.treesMax else {
            throw FraudError.model("more than \(Self.featuresMax) columns or \(Self.treesMax) trees")
        }
        features = count
        baseMargin = base == 0.5 ? 0 : FloatMath.logit(base)
        var read: [[Node]] = []
        for tree in trees { read.append(try Self.nodes(tree, features: count)) }
        self.trees = read
    }

    private static func nodes(_ tree: JSON, features: Int) throws(FraudError) -> [Node] {
        guard let left = integers(tree["left_children"]), let right = integers(tree["right_children"]),
            let indices = integers(tree["split_indices"]), let conditions = floats(tree["split_conditions"]),
            let covers = floats(tree["sum_hessian"]), let defaults = flags(tree["default_left"]), !left.isEmpty,
            left.count <= nodesMax,
            [right.count, indices.count, conditions.count, covers.count, defaults.count].allSatisfy({
                $0 == left.count
            }), integers(tree["split_type"])?.allSatisfy({ $0 == 0 }) ?? true
        else { throw FraudError.model("a tree has arrays of different lengths, too many nodes or categories") }
        var nodes: [Node] = []
        for index in left.indices {
            let isLeaf = left[index] < 0
            // Children stand behind their parents, so a walk ends.
            guard
                isLeaf
                    || (left[index] > index && right[index] > index && max(left[index], right[index]) < left.count
                        && (0..<features).contains(indices[index]) && !conditions[index].isNaN
                        && covers[index] > 0)
            else { throw FraudError.model("a tree's nodes do not fit together") }
            guard !isLeaf || conditions[index].isFinite else { throw FraudError.model("a leaf is no number") }
            nodes.append(
                Node(
                    left: left[index], right: right[index], feature: indices[index], condition: conditions[index],
                    isDefaultLeft: defaults[index], cover: covers[index]))
        }
        return nodes
    }

    private static func integers(_ json: JSON?) -> [Int]? {
        guard let values = json?.array else { return nil }
        let read = values.compactMap { $0.integer.map { Int($0) } }
        return read.count == values.count ? read : nil
    }

    private static func floats(_ json: JSON?) -> [Float]? {
        guard let values = json?.array else { return nil }
        let read = values.compactMap { value -> Float? in
            if case .number(let text) = value { Float(text) } else { nil }
        }
        return read.count == values.count ? read : nil
    }

    private static func flags(_ json: JSON?) -> [Bool]? {
        guard let values = json?.array else { return nil }
        let read = values.compactMap { $0.bool ?? $0.integer.map { $0 != 0 } }
        return read.count == values.count ? read : nil
    }

    static func depth(_ nodes: [Node]) -> Int {
        var depths = [Int](repeating: 0, count: nodes.count)
        for (index, node) in nodes.enumerated() where !node.isLeaf {
            depths[node.left] = depths[index] + 1
            depths[node.right] = depths[index] + 1
        }
        return depths.max() ?? 0
    }
}
