"""What analysts see in Kibana, as code: data views, dashboards, a role, and how they come into a Kibana.

``views`` and ``lens`` build the parts; ``base_boards``, ``work_boards`` and ``quality_board`` are the tables of dashboards; ``objects``
makes saved objects of them; all pure. ``client`` speaks to Kibana, ``setup`` says what is to be there and makes it so.
"""
