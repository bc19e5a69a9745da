"""How the checks print what they have found."""


def report(title, violations):
    """Prints the violations below their title, and returns whether there are any."""
    print(title)
    for violation in violations:
        print(f"  {violation}")
    return bool(violations)
