"""The back office over HTTP: an ASGI application with an OpenAPI document.

application    create_application: the routes put together
operation_routes, shelf_routes  a route for every row of `posterm.merchant.operations`
counter        ApiCounter: who asks, how often, and whether it was asked before
problems       what is wrong, as application/problem+json in two languages
rate_limit     how much each caller may ask
request_body   what may stand in a request

Needs the extra `api`. Leaves out TLS, which a proxy in front of it brings.
"""
