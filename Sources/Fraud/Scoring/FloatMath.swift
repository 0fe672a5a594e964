internal import Glibc

/// XGBoost's own arithmetic in single precision, step by step, so that the last bit agrees.
enum FloatMath {
    static func sigmoid(_ margin: Float) -> Float {
        let exponent = min(-margin, 88.7)
        let denominator = expf(exponent) + 1 + 1e-16
        return 1 / denominator
    }

    static func logit(_ probability: Float) -> Float { -logf(1 / probability - 1) }
}
