// The target's files follow; see ARCHITECTURE.md for its duty.
