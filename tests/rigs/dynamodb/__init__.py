"""DynamoDB in memory: quick, and it counts what AWS would charge by AWS's published size rules.

    with modelled() as table:           # every PynamoDB model of this process goes there
        ...
        table.spent                     # read and write units so far

tests/contract/test_table_model.py holds it against moto, call by call.
"""

from tests.rigs.dynamodb.engine import Put, TableModel, modelled
from tests.rigs.dynamodb.units import Units

__all__ = ["Put", "TableModel", "Units", "modelled"]
