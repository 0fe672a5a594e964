import Commands
print("digitalbank")
