extension LegacyRows {
    var beneficiaries: Table {
        Table(
            name: "beneficiaires", columns: ["id", "client_id", "nom", "iban", "bic", "ajoute_le"],
            count: bank.beneficiaries.count
        ) { index, line in
            let beneficiary = bank.beneficiaries[index]
            line.number(beneficiary.id)
            line.tab()
            line.number(beneficiary.client)
            line.tab()
            line.text(beneficiary.name)
            line.raw("\t\(beneficiary.iban)\t\(beneficiary.bic)\t")
            line.timestamp(beneficiary.addedAt)
            line.endLine()
        }
    }

    var orders: Table {
        Table(
            name: "virements",
            columns: [
                "id", "compte_id", "beneficiaire_id", "montant", "motif", "statut", "demande_le", "transaction_id",
            ],
            count: bank.orders.count
        ) { index, line in
            let order = bank.orders[index]
            line.number(order.id)
            line.tab()
            line.number(order.account + 1)
            line.tab()
            if let row = order.beneficiary { line.number(bank.beneficiaries[row].id) } else { line.null() }
            line.tab()
            line.decimal(order.amount)
            line.tab()
            line.text(order.motive)
            line.raw(order.isExecuted ? "\texecute\t" : "\trefuse\t")
            line.timestamp(order.at)
            line.tab()
            if let operation = order.operation { line.number(operation) } else { line.null() }
            line.endLine()
        }
    }

    var staff: Table {
        Table(
            name: "employes", columns: ["id", "login", "nom", "role", "mot_de_passe", "actif", "cree_le"],
            count: bank.staff.count
        ) { index, line in
            let employee = bank.staff[index]
            line.number(employee.id)
            for text in [
                employee.login, employee.name, employee.role, "\(employee.login)\(2020 + employee.id % 6)", "t",
            ] {
                line.tab()
                line.text(text)
            }
            line.tab()
            line.timestamp(employee.createdAt)
            line.endLine()
        }
    }

    var journal: Table {
        Table(
            name: "logs", columns: ["id", "horodatage", "ip", "utilisateur", "action", "objet", "detail"],
            count: bank.journal.count
        ) { index, line in
            let entry = bank.journal[index]
            line.number(entry.id)
            line.tab()
            line.timestamp(entry.at)
            for text in [entry.ip, entry.user, entry.action.rawValue, entry.object] {
                line.tab()
                line.text(text)
            }
            line.raw("\t{\"canal\": \"web\", \"duree_ms\": ")
            line.number(12 + entry.id * 7919 % 180)
            line.raw("}\n")
        }
    }

    var statements: Table {
        Table(
            name: "releves", columns: ["id", "compte_id", "mois", "solde_debut", "solde_fin", "nombre_operations"],
            count: bank.statements.count
        ) { index, line in
            let statement = bank.statements[index]
            line.number(statement.id)
            line.tab()
            line.number(statement.account)
            line.tab()
            line.date(statement.month)
            line.tab()
            line.decimal(statement.opening)
            line.tab()
            line.decimal(statement.closing)
            line.tab()
            line.number(statement.operations)
            line.endLine()
        }
    }
}
