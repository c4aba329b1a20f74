"""The rollout engine: rolls the session hosts of a pool to a new image by swapping their OS disks in place.

Functional core (`plan`, `phases`, `admission`, `capacity`), one imperative shell (`rollout`, `host_work`, `executor`).
It imports neither pulumi nor an Azure SDK: clock and Azure are passed in (`clock.Clock`, `azure.Azure`).
"""
