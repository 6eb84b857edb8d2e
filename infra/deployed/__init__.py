"""The deployed stack on this machine: SAM deploys template.yaml into MiniStack, which plays AWS.

deploy_local.py   `make deploy-local`: the command
deployed_stack.py the local stack, its cloud deployed instead of run in this process
cloudformation.py sam deploy, sam delete, and what CloudFormation says of a stack
ministack.py      the process that plays AWS
front_door.py     an address on this machine for the API that MiniStack serves below a path
"""
