internal import Web

/// A model's JSON. Numbers in single precision stand as the shortest text that gives the same bits again.
enum ModelJSON {
    static func write(_ model: TrainedModel) -> JSON {
        [
            "columns": .array(model.columns.map { .string($0) }),
            "label_delay_seconds": .integer(model.labelDelaySeconds),
            "feature_version": .string(model.featureVersion),
            "origin": origin(model.origin),
            "figures": figures(model.figures),
            "calibration": [
                "scores": floats(model.calibration.scores), "shares": floats(model.calibration.shares),
            ],
            "policy": policy(model.policy),
            "profile": [
                "columns": .array(model.profile.columns.map(profile)), "score": profile(model.profile.score),
            ],
            "references": .array(
                model.references.map { ["row": floats($0.row), "margin": floats([$0.margin])] }),
            "isolation": .array(model.isolation.trees.map(isolationTree)),
            "trees": .string(String(decoding: model.trees, as: UTF8.self)),
        ]
    }

    static func read(_ json: JSON) throws(FraudError) -> TrainedModel {
        guard let columns = json["columns"]?.array?.compactMap(\.string),
            let delay = json["label_delay_seconds"]?.integer, let version = json["feature_version"]?.string,
            let origin = json["origin"].flatMap(origin), let figures = json["figures"].flatMap(figures),
            let scores = json["calibration"]?["scores"].flatMap(floats),
            let shares = json["calibration"]?["shares"].flatMap(floats), scores.count == shares.count, !scores.isEmpty,
            let policy = json["policy"].flatMap(policy), let trees = json["trees"]?.string,
            let profiles = json["profile"]?["columns"]?.array?.compactMap(profile), profiles.count == columns.count,
            let score = json["profile"]?["score"].flatMap(profile),
            let references = json["references"]?.array?.compactMap(reference),
            let isolation = json["isolation"]?.array?.compactMap({ isolationTree($0, features: columns.count) })
        else { throw FraudError.model("a part of it is missing") }
        return TrainedModel(
            columns: columns, labelDelaySeconds: delay, featureVersion: version, origin: origin, figures: figures,
            calibration: Isotonic(scores: scores, shares: shares), policy: policy, trees: Array(trees.utf8),
            references: references, profile: DriftProfile(columns: profiles, score: score),
            isolation: IsolationForest(trees: isolation, features: columns.count))
    }

    // MARK: single parts

    static func floats(_ values: some Sequence<Float>) -> JSON {
        .array(
            values.map { value in
                if value.isNaN { return .null }
                if value.isInfinite { return .string(value < 0 ? "-inf" : "inf") }
                return .number("\(value)")
            })
    }

    static func floats(_ json: JSON) -> [Float]? {
        guard let values = json.array else { return nil }
        let read = values.compactMap { value -> Float? in
            switch value {
            case .null: .nan
            case .number(let text): Float(text)
            case .string("inf"): .infinity
            case .string("-inf"): -.infinity
            default: nil
            }
        }
        return read.count == values.count ? read : nil
    }

    private static func double(_ value: Double) -> JSON { value.isFinite ? .number("\(value)") : .null }

    private static func double(_ json: JSON?) -> Double? {
        if case .number(let text) = json { Double(text) } else { nil }
    }

    private static func reference(_ json: JSON) -> TrainedModel.Reference? {
        guard let row = json["row"].flatMap(floats), let margin = json["margin"].flatMap(floats)?.first else {
            return nil
        }
        return TrainedModel.Reference(row: row, margin: margin)
    }

    private static func profile(_ column: DriftProfile.Column) -> JSON {
        [
            "name": .string(column.name), "borders": floats(column.borders),
            "shares": .array(column.shares.map(double)),
        ]
    }

    private static func profile(_ json: JSON) -> DriftProfile.Column? {
        guard let name = json["name"]?.string, let borders = json["borders"].flatMap(floats),
            let shares = json["shares"]?.array?.compactMap({ double($0) }), shares.count == borders.count + 2
        else { return nil }
        return DriftProfile.Column(name: name, borders: borders, shares: shares)
    }

    private static let costs: [(String, any (WritableKeyPath<DecisionPolicy, Double> & Sendable))] = [
        ("step_up_cost", \.stepUpCost), ("step_up_stops", \.stepUpStops), ("review_cost", \.reviewCost),
        ("review_stops", \.reviewStops), ("block_cost", \.blockCost), ("loss_share", \.lossShare),
        ("fraud_cost", \.fraudCost), ("review_price", \.reviewPrice),
    ]

    static func policy(_ policy: DecisionPolicy) -> JSON {
        .object(costs.map { JSON.Member($0.0, double(policy[keyPath: $0.1])) })
    }

    static func policy(_ json: JSON) -> DecisionPolicy? {
        var policy = DecisionPolicy()
        for (name, path) in costs {
            guard let value = double(json[name]), value >= 0 else { return nil }
            policy[keyPath: path] = value
        }
        return policy
    }

    static func figures(_ figures: TrainedModel.Figures) -> JSON {
        [
            "auc": double(figures.auc), "average_precision": double(figures.averagePrecision),
            "recall_at_precision_99": double(figures.recallAtPrecision99), "brier": double(figures.brier),
            "rows": .integer(figures.rows), "frauds": .integer(figures.frauds),
        ]
    }

    static func figures(_ json: JSON) -> TrainedModel.Figures? {
        // A model without labels has none of them.
        func figure(_ name: String) -> Double? { json[name]?.isNull == true ? .nan : double(json[name]) }
        guard let auc = figure("auc"), let precision = figure("average_precision"),
            let recall = figure("recall_at_precision_99"), let brier = figure("brier"),
            let rows = json["rows"]?.integer, let frauds = json["frauds"]?.integer
        else { return nil }
        return TrainedModel.Figures(
            auc: auc, averagePrecision: precision, recallAtPrecision99: recall, brier: brier, rows: Int(rows),
            frauds: Int(frauds))
    }

    private static func isolationTree(_ nodes: [TreeModel.Node]) -> JSON {
        [
            "left": .array(nodes.map { .integer($0.left) }), "right": .array(nodes.map { .integer($0.right) }),
            "feature": .array(nodes.map { .integer($0.feature) }), "condition": floats(nodes.map(\.condition)),
            "default_left": .array(nodes.map { .bool($0.isDefaultLeft) }),
        ]
    }

    private static func isolationTree(_ json: JSON, features: Int) -> [TreeModel.Node]? {
        guard let left = json["left"]?.array?.compactMap(\.integer),
            let right = json["right"]?.array?.compactMap(\.integer),
            let feature = json["feature"]?.array?.compactMap(\.integer),
            let condition = json["condition"].flatMap(floats),
            let defaults = json["default_left"]?.array?.compactMap(\.bool), !left.isEmpty,
            left.count <= TreeModel.nodesMax,
            [right.count, feature.count, condition.count, defaults.count].allSatisfy({ $0 == left.count })
        else { return nil }
        var nodes: [TreeModel.Node] = []
        for index in left.indices {
            let isLeaf = left[index] < 0
            guard
                isLeaf
                    || (left[index] > index && right[index] > index && max(left[index], right[index]) < left.count
                        && (0..<Int64(features)).contains(feature[index]))
            else { return nil }
            nodes.append(
                TreeModel.Node(
                    left: Int(left[index]), right: Int(right[index]), feature: Int(feature[index]),
                    condition: condition[index], isDefaultLeft: defaults[index], cover: 1))
        }
        return nodes
    }
}
