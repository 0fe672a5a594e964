/// A rule's condition: columns, numbers, `+ - * /`, comparisons, `and or not`, brackets. A comparison with a missing value
/// is false, whichever way it is asked.
public indirect enum Expression: Sendable, Hashable {
    case number(Double)
    case column(Int)
    case arithmetic(Operator, Expression, Expression)
    case comparison(Operator, Expression, Expression)
    case both(Expression, Expression)
    case either(Expression, Expression)
    case not(Expression)

    public enum Operator: String, Sendable, Hashable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case equal = "=="
        case different = "!="
    }

    func holds(_ row: [Double]) -> Bool {
        switch self {
        case .both(let one, let other): return one.holds(row) && other.holds(row)
        case .either(let one, let other): return one.holds(row) || other.holds(row)
        case .not(let one): return !one.holds(row)
        case .comparison(let sign, let one, let other):
            let (left, right) = (one.value(row), other.value(row))
            if left.isNaN || right.isNaN { return false }
            switch sign {
            case .less: return left < right
            case .lessOrEqual: return left <= right
            case .greater: return left > right
            case .greaterOrEqual: return left >= right
            case .equal: return left == right
            default: return left != right
            }
        case .number, .column, .arithmetic: return value(row) != 0
        }
    }

    private func value(_ row: [Double]) -> Double {
        switch self {
        case .number(let value): return value
        case .column(let index): return row[index]
        case .arithmetic(let sign, let one, let other):
            let (left, right) = (one.value(row), other.value(row))
            switch sign {
            case .add: return left + right
            case .subtract: return left - right
            case .multiply: return left * right
            default: return left / right
            }
        default: return holds(row) ? 1 : 0
        }
    }
}
