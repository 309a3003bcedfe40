"""The data catalog that Glue writes and Athena reads: databases, tables, partitions, data files.

    glue.database        <database>
    glue.table           <database>/<table>
    glue.table_version   <database>/<table>/<version>     what UpdateTable replaced
    glue.partition       <database>/<table>/<value>/…     values as JSON, so that any text is a key

Names are lower-cased, as Glue does. What a caller may see is raised as AwsError with Glue's code.
"""

from local_aws.services.catalog.catalog import Catalog
from local_aws.services.catalog.files import DataFile, data_files

__all__ = ["Catalog", "DataFile", "data_files"]
