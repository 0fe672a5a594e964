public import Diagnostics

/// Why a fraud model, its features or its data can not be used.
public struct FraudError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func definition(_ what: String) -> FraudError {
        FraudError(
            code: "fraud_features_invalid", message: "the definition of features is wrong: \(what)",
            hint: "Mend rules/fraud/features.yml; docs/guides/fraud.md lists its measures.")
    }

    static func data(_ path: String, _ what: String) -> FraudError {
        FraudError(
            code: "fraud_data_unreadable", message: "cannot read \(path): \(what)",
            hint: "Give transactions as the guide docs/guides/fraud.md describes them.")
    }

    static func request(_ what: String) -> FraudError {
        FraudError(
            code: "fraud_request_invalid", message: what,
            hint: "docs/guides/fraud.md lists what can be asked; so does digitalbank fraud --help.")
    }

    static func late(_ key: String) -> FraudError {
        FraudError(
            code: "fraud_late", message: "no decision on the payment \(key) came in time",
            hint: "Ask again with the same key; until then the caller's own fallback applies.")
    }

    static func model(_ what: String) -> FraudError {
        FraudError(
            code: "fraud_model_refused", message: "the model is refused: \(what)",
            hint: "Train it again with: digitalbank fraud train")
    }

    static func rule(_ what: String) -> FraudError {
        FraudError(
            code: "fraud_rules_invalid", message: "the rules are wrong: \(what)",
            hint: "Mend rules.yml and try it with: digitalbank fraud rules test; the rules before stay in force.")
    }

    static func library(_ call: String, _ what: String) -> FraudError {
        FraudError(
            code: "fraud_training_failed", message: "XGBoost's \(call) failed: \(what)",
            hint: "Check the parameters and the data; the model in service is untouched.")
    }
}
